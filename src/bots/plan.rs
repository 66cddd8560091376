use std::time::Duration;

use fastrand::Rng;

use crate::model::{AssetName, InvalidName, PlayerName};

use super::{Config, limits::ASSETS_KEPT};

/// Everything decided before the race: names, orders, cuts and the pace. The same seed gives the same plan.
#[derive(Debug)]
pub(super) struct Plan {
    players: usize,
    assets: usize,
    seed: u64,
    rate: f64,
    chaos: f64,
}

/// One bot's work in one round.
#[derive(Debug)]
pub(super) struct Work {
    /// The assets in the order of the bot's selects.
    pub(super) order: Vec<u32>,
    /// Decides after each select whether the connection is cut.
    pub(super) cuts: Cuts,
    /// When each select is due.
    pub(super) pace: Pace,
}

/// A seeded coin flip.
#[derive(Debug)]
pub(super) struct Cuts {
    rng: Rng,
    probability: f64,
}

/// The due times of one bot's selects since the start of the round. All bots together reach the configured rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    first: f64,
    step: f64,
}

impl Plan {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            players: config.players,
            assets: config.assets,
            seed: config.seed,
            rate: config.rate,
            chaos: config.reconnect_chaos,
        }
    }

    /// The name of bot `index`.
    pub(super) fn player(index: usize) -> Result<PlayerName, InvalidName> {
        PlayerName::parse(&format!("bot-{index}"))
    }

    /// The slot of a round, which determines its asset names. Slots are reused, so that a long run does not fill the
    /// room.
    pub(super) fn slot(&self, round: usize) -> usize {
        round % (ASSETS_KEPT / self.assets).max(1)
    }

    /// Returns true if an earlier round of this run used the same slot.
    pub(super) fn slot_was_used(&self, round: usize) -> bool {
        self.slot(round) != round
    }

    /// The names of a slot's assets.
    pub(super) fn assets(&self, slot: usize) -> Result<Vec<AssetName>, InvalidName> {
        (0..self.assets).map(|i| AssetName::parse(&format!("bot-{slot}-{i}"))).collect()
    }

    /// The work of bot `index` in `round`.
    pub(super) fn work(&self, round: usize, index: usize) -> Work {
        let mut rng = self.rng(1 + round as u64, index);
        let mut order: Vec<u32> = (0..).take(self.assets).collect();
        rng.shuffle(&mut order);
        Work { order, cuts: Cuts { rng, probability: self.chaos }, pace: self.pace(index) }
    }

    /// The jitter source of bot `index`. Separate from its work, because the number of draws depends on chance.
    pub(super) fn jitter(&self, index: usize) -> Rng {
        self.rng(0, index)
    }

    fn pace(&self, index: usize) -> Pace {
        if self.rate > 0.0 {
            Pace { first: index as f64 / self.rate, step: self.players as f64 / self.rate }
        } else {
            Pace { first: 0.0, step: 0.0 }
        }
    }

    fn rng(&self, round: u64, index: usize) -> Rng {
        Rng::with_seed(mix(mix(mix(self.seed) ^ round) ^ index as u64))
    }
}

impl Cuts {
    /// Draws for the next select.
    pub(super) fn cut(&mut self) -> bool {
        self.probability > 0.0 && self.rng.f64() < self.probability
    }
}

impl Pace {
    /// When the bot's select number `count` is due. At most a year, so that adding it to the clock cannot overflow.
    pub(super) fn due(self, count: usize) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        Duration::try_from_secs_f64(self.first + count as f64 * self.step).map_or(YEAR, |due| due.min(YEAR))
    }
}

/// Parses a number in canonical form, so that `bot-07` matches no bot.
pub(super) fn number(digits: &str) -> Option<usize> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
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

    /// A plan of 10 players, for tests.
    pub(in crate::bots) fn small(assets: usize, rate: f64, chaos: f64) -> Plan {
        Plan { players: 10, assets, seed: 1, rate, chaos }
    }

    fn plan(seed: u64) -> Plan {
        Plan { seed, ..small(50, 100.0, 0.5) }
    }

    fn decisions(mut work: Work) -> (Vec<u32>, Vec<bool>) {
        let cuts = work.order.iter().map(|_| work.cuts.cut()).collect();
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
        let mut cuts = Cuts { rng: Rng::with_seed(1), probability: 0.2 };
        let count = (0..10_000).filter(|_| cuts.cut()).count();
        assert!((1_800..2_200).contains(&count), "{count}");
        let mut never = Cuts { rng: Rng::with_seed(1), probability: 0.0 };
        assert!(!(0..1000).any(|_| never.cut()));
        let mut always = Cuts { rng: Rng::with_seed(1), probability: 1.0 };
        assert!((0..1000).all(|_| always.cut()));
    }

    #[test]
    fn the_bots_together_keep_the_rate() {
        let mut due: Vec<_> = (0..10).flat_map(|bot| (0..50).map(move |i| plan(1).pace(bot).due(i))).collect();
        due.sort_unstable();
        let steps: Vec<_> = due.windows(2).map(|w| (w[1] - w[0]).as_micros()).collect();
        assert!(steps.iter().all(|step| (9_999..=10_001).contains(step)), "100 per second is one every 10 ms");
        assert!(small(1, 1e-300, 0.0).pace(1).due(1) < Duration::MAX / 2, "the slowest can be waited for");
    }

    #[test]
    fn a_long_run_uses_its_names_again() {
        let plan = plan(1);
        assert_eq!((plan.slot(39), plan.slot_was_used(39)), (39, false));
        assert_eq!((plan.slot(40), plan.slot_was_used(40)), (0, true));
    }
}
