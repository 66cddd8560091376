use std::time::Duration;

use fastrand::Rng;

use crate::model::{AssetName, InvalidName, PlayerName};

use super::{
    Config, Holds,
    limits::{ASSETS_KEPT, RACING_SHARE},
};

/// One bot's work in one round.
#[derive(Debug)]
pub(super) struct Work {
    /// The assets in the order of the bot's selects.
    pub(super) order: Vec<u32>,
    rng: Rng,
    /// The probability of a cut after a select.
    chaos: f64,
    holds: Option<Holds>,
    /// Seeds what the bot does with each of its grants.
    seed: u64,
    /// Seconds from the start of the round to the first select, and between two selects.
    first: f64,
    step: f64,
}

/// What a bot does with a unit that it is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// Nothing. A hold expires.
    Wait,
    /// Confirms the hold after this time.
    Confirm(Duration),
    /// Leaves the room until the next round.
    Leave,
}

/// Everything decided before the race: names, orders, cuts and the pace. The same seed gives the same plan.
impl Config {
    /// The name of bot `index`.
    pub(super) fn player(index: usize) -> Result<PlayerName, InvalidName> {
        PlayerName::parse(&format!("bot-{index}"))
    }

    /// The slot of a round, which determines its asset names. Slots are reused, so that a long run does not fill the
    /// room.
    fn slot(&self, round: usize) -> usize {
        round % (ASSETS_KEPT / self.assets).max(1)
    }

    /// Returns true if an earlier round of this run used the same slot.
    pub(super) fn slot_was_used(&self, round: usize) -> bool {
        self.slot(round) != round
    }

    /// The names of a round's assets.
    pub(super) fn names(&self, round: usize) -> Result<Vec<AssetName>, InvalidName> {
        let slot = self.slot(round);
        (0..self.assets).map(|i| AssetName::parse(&format!("bot-{slot}-{i}"))).collect()
    }

    /// The work of bot `index` in `round`.
    pub(super) fn work(&self, round: usize, index: usize) -> Work {
        let seed = self.seed(1 + round as u64, index);
        let mut rng = Rng::with_seed(seed);
        let mut order: Vec<u32> = (0..).take(self.assets).collect();
        rng.shuffle(&mut order);
        // All bots together reach the configured rate.
        let seconds = |selects: usize| if self.rate > 0.0 { selects as f64 / self.rate } else { 0.0 };
        let (first, step) = (seconds(index), seconds(self.players));
        Work { order, rng, chaos: self.reconnect_chaos, holds: self.holds, seed, first, step }
    }

    /// The jitter source of bot `index`. Separate from its work, because the number of draws depends on chance.
    pub(super) fn jitter(&self, index: usize) -> Rng {
        Rng::with_seed(self.seed(0, index))
    }

    fn seed(&self, round: u64, index: usize) -> u64 {
        mix(mix(mix(self.seed) ^ round) ^ index as u64)
    }
}

impl Work {
    /// Draws whether the connection is cut after the next select.
    pub(super) fn cut(&mut self) -> bool {
        self.chaos > 0.0 && self.rng.f64() < self.chaos
    }

    /// What the bot does with a unit of `asset`. Drawn for each asset apart, because which assets a bot gets depends on
    /// chance.
    pub(super) fn intent(&self, asset: usize) -> Intent {
        let Some(Holds { length, confirm_share, leave_share }) = self.holds else { return Intent::Wait };
        let mut rng = Rng::with_seed(mix(self.seed ^ mix(asset as u64)));
        if rng.f64() < leave_share {
            Intent::Leave
        } else if rng.f64() < confirm_share {
            let races = rng.f64() < RACING_SHARE;
            let moment = if races { 1.0 - rng.f64() / 100.0 } else { rng.f64() / 2.0 };
            Intent::Confirm(length.mul_f64(moment))
        } else {
            Intent::Wait
        }
    }

    /// When select number `count` is due since the start of the round. At most a year, so that adding it to the clock
    /// cannot overflow.
    pub(super) fn due(&self, count: usize) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        Duration::try_from_secs_f64(self.first + count as f64 * self.step).map_or(YEAR, |due| due.min(YEAR))
    }
}

/// The finaliser of `SplitMix64`: maps consecutive numbers to unrelated ones.
fn mix(number: u64) -> u64 {
    let a = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{bots::Length, model::RoomName};

    /// 10 players, for tests.
    pub(in crate::bots) fn small(assets: usize, rate: f64, reconnect_chaos: f64) -> Config {
        Config {
            nodes: Vec::new(),
            room: RoomName::parse("race").unwrap(),
            players: 10,
            assets,
            units: 1,
            seed: 1,
            length: Length::Rounds(1),
            rate,
            reconnect_chaos,
            holds: None,
            admin_key: None,
            tokens: None,
            progress: false,
        }
    }

    fn plan(seed: u64) -> Config {
        Config { seed, ..small(50, 100.0, 0.5) }
    }

    fn decisions(mut work: Work) -> (Vec<u32>, Vec<bool>) {
        let cuts = (0..work.order.len()).map(|_| work.cut()).collect();
        (work.order, cuts)
    }

    #[test]
    fn the_same_seed_gives_the_same_orders_and_cuts() {
        assert_eq!(decisions(plan(7).work(3, 4)), decisions(plan(7).work(3, 4)));
        let ours = decisions(plan(7).work(3, 4));
        for other in [plan(8).work(3, 4), plan(7).work(2, 4), plan(7).work(3, 5)] {
            let other = decisions(other);
            assert_ne!(ours.0, other.0, "orders differ between seeds, rounds and bots");
            assert_ne!(ours.1, other.1, "and so do cuts");
        }
    }

    #[test]
    fn every_bot_goes_for_every_asset_once() {
        let mut order = plan(1).work(0, 9).order;
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<u32>>());
    }

    #[test]
    fn chaos_cuts_about_as_often_as_asked() {
        for (chaos, expected) in [(0.2, 1_800..2_200), (0.0, 0..1), (1.0, 10_000..10_001)] {
            let mut work = small(1, 0.0, chaos).work(0, 0);
            let count = (0..10_000).filter(|_| work.cut()).count();
            assert!(expected.contains(&count), "{chaos}: {count}");
        }
    }

    #[test]
    fn grants_are_confirmed_and_left_about_as_often_as_asked() {
        let length = Duration::from_millis(300);
        let holds = Some(Holds { length, confirm_share: 0.5, leave_share: 0.2 });
        let work = |seed| Config { seed, holds, ..small(1, 0.0, 0.0) }.work(0, 0);
        let intents = |seed| (0..10_000).map(|asset| work(seed).intent(asset)).collect::<Vec<_>>();
        let drawn = intents(1);
        assert_eq!(drawn, intents(1), "whatever was drawn before");
        assert_ne!(drawn, intents(2));
        let moments = drawn.iter().filter_map(|intent| match intent {
            Intent::Confirm(after) => Some(*after),
            Intent::Wait | Intent::Leave => None,
        });
        let moments: Vec<_> = moments.collect();
        let leaves = drawn.iter().filter(|intent| **intent == Intent::Leave).count();
        assert!((1_800..2_200).contains(&leaves), "{leaves}");
        assert!((3_700..4_300).contains(&moments.len()), "half of those that stay: {}", moments.len());
        let late = moments.iter().filter(|after| **after > length.mul_f64(0.99)).count();
        assert!((850..1_150).contains(&late), "a quarter of them races the deadline: {late}");
        let early = moments.iter().filter(|after| **after <= length / 2).count();
        assert_eq!(early + late, moments.len());
        assert_eq!(
            small(1, 0.0, 0.0).work(0, 0).intent(0),
            Intent::Wait,
            "without holds there is nothing to do"
        );
    }

    #[test]
    fn the_bots_together_keep_the_rate() {
        let plan = plan(1);
        let mut due: Vec<_> =
            (0..10).map(|bot| plan.work(0, bot)).flat_map(|work| (0..50).map(move |i| work.due(i))).collect();
        due.sort_unstable();
        let steps: Vec<_> = due.windows(2).map(|w| (w[1] - w[0]).as_micros()).collect();
        assert!(steps.iter().all(|step| (9_999..=10_001).contains(step)), "100 per second is one every 10 ms");
        assert!(small(1, 1e-300, 0.0).work(0, 1).due(1) < Duration::MAX / 2, "the slowest can be waited for");
    }

    #[test]
    fn a_long_run_uses_its_names_again() {
        let plan = plan(1);
        for (round, name, used) in [(39, "bot-39-0", false), (40, "bot-0-0", true)] {
            assert_eq!((plan.names(round).unwrap()[0].as_str(), plan.slot_was_used(round)), (name, used));
        }
    }
}
