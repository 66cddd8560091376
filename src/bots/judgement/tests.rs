use super::*;
use crate::{
    bots::{Config, timings::Mark},
    model::{AssetName, EndReason, Grant},
};

const UNITS: Units = 2;

/// A round of one asset with 2 units and three bots, of which the first two get one each. Tests then corrupt it.
pub(super) struct Scene {
    pub(super) baseline: AssetState,
    pub(super) observations: Observations,
    pub(super) stored: AssetState,
    pub(super) witnesses: Vec<Witness>,
    pub(super) hold: Option<Duration>,
}

impl Scene {
    fn clean() -> Self {
        let mut scene = Self {
            baseline: asset(UNITS),
            observations: Observations::default(),
            stored: AssetState {
                remaining: 0,
                revision: 2,
                held: 2,
                holders: vec![holder(0, 1), holder(1, 2)],
                ..asset(UNITS)
            },
            witnesses: (0..3).map(|bot| witness(bot, 0)).collect(),
            hold: None,
        };
        scene.tell_all(1, &granted("bot-0", 1));
        scene.tell_all(2, &granted("bot-1", 0));
        scene.answer(0, grant(1));
        scene.answer(1, grant(2));
        scene.answer(2, sold_out(0));
        scene
    }

    pub(super) fn answer(&mut self, bot: usize, answer: Answer) {
        self.witnesses[bot].member.answered(0, answer, 5);
    }

    fn tell_all(&mut self, revision: u64, fact: &Fact<&str>) {
        self.tell_at(10, revision, fact);
    }

    /// All members are told at this time of the round.
    pub(super) fn tell_at(&mut self, us: u32, revision: u64, fact: &Fact<&str>) {
        for Witness { member, .. } in &mut self.witnesses {
            member.frame(0, revision);
            let told = self.observations.record(revision, fact, Mark { node: 0, us });
            assert!(told, "a proper fact, told for the first time or again");
        }
    }

    /// All members were told these changes instead.
    fn tell_instead(&mut self, facts: &[(u64, Fact<&str>)]) {
        self.observations = Observations::default();
        facts.iter().for_each(|(revision, fact)| self.tell_all(*revision, fact));
    }

    /// There were 3 units all the time, of which one is left.
    fn one_unit_is_left(&mut self) {
        (self.stored.units, self.stored.remaining, self.baseline.units) = (3, 1, 3);
        self.tell_instead(&[(1, granted_of(3, "bot-0", 2)), (2, granted_of(3, "bot-1", 1))]);
    }

    pub(super) fn judge(&self) -> Vec<Violation> {
        let Self { baseline, observations, stored, witnesses, hold } = self;
        let assets = vec![Evidence { baseline, observations, stored }];
        let found = judge(&Case { assets, witnesses, hold: *hold });
        assert_eq!(found.count, found.shown.len() as u64);
        found.shown.into_iter().map(|shown| shown.violation).collect()
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        let kind = |v: &Violation| serde_json::to_value(v).unwrap()["kind"].as_str().unwrap().to_owned();
        self.judge().iter().map(kind).collect()
    }
}

/// An asset that nobody holds.
pub(in crate::bots) fn asset(units: Units) -> AssetState {
    AssetState {
        asset: AssetName::parse("bot-0-0").unwrap(),
        units,
        remaining: units,
        revision: 0,
        held: 0,
        holders: vec![],
        terms: None,
        removed: false,
        origin: 0,
    }
}

pub(super) fn witness(bot: usize, baseline: u64) -> Witness {
    let mut member = Member::new(1);
    member.begin_at(0, baseline);
    Witness { player: Config::player(bot).unwrap(), member, stayed: true }
}

pub(super) fn holder(bot: usize, revision: u64) -> Grant {
    Grant::plain(Config::player(bot).unwrap(), 0, revision)
}

fn granted(player: &str, remaining: Units) -> Fact<&str> {
    granted_of(UNITS, player, remaining)
}

fn granted_of(units: Units, player: &str, remaining: Units) -> Fact<&str> {
    Fact::Granted { player, units, remaining }
}

pub(super) fn grant(revision: u64) -> Answer {
    Answer::Granted { revision, already_held: false }
}

pub(super) fn sold_out(remaining: Units) -> Answer {
    Answer::SoldOut { remaining }
}

#[test]
fn every_broken_rule_is_found() {
    type Row = (&'static str, fn(&mut Scene), &'static [&'static str]);
    let rows: [Row; 18] = [
        ("a clean round", |_| {}, &[]),
        (
            "the store forgot the asset",
            |scene| scene.stored = AssetState { removed: true, ..asset(0) },
            &["asset_lost"],
        ),
        (
            "more holders than units",
            |scene| (scene.stored.units, scene.baseline.units) = (1, 1),
            &["too_many_holders", "wrong_units", "wrong_units"],
        ),
        ("an asker got nothing while a unit is left", Scene::one_unit_is_left, &["too_few_holders"]),
        ("a remaining that does not add up", |scene| scene.stored.remaining = 1, &["wrong_remaining"]),
        ("a count that is not the number of holders", |scene| scene.stored.held = 1, &["wrong_count"]),
        ("units that grow unannounced", |scene| scene.baseline.units = 1, &["wrong_units"]),
        (
            "one player with two units",
            |scene| scene.stored.holders[1] = holder(0, 2),
            &["held_twice", "told_not_stored", "told_not_stored", "answered_not_stored", "answered_not_stored"],
        ),
        (
            "two grants of one revision",
            |scene| scene.stored.holders[1] = holder(1, 1),
            &["wrong_revision", "told_not_stored", "answered_not_stored"],
        ),
        (
            "a grant beyond the last revision",
            |scene| scene.stored.holders[1] = holder(1, 3),
            &["wrong_revision", "told_not_stored", "answered_not_stored"],
        ),
        ("a revision that nobody knows", |scene| scene.stored.revision = 3, &["gap", "gap", "gap"]),
        (
            "a grant that is not stored",
            |scene| {
                scene.stored.holders.pop();
                (scene.stored.held, scene.stored.remaining) = (1, 1);
            },
            &["told_not_stored", "too_few_holders", "answered_not_stored"],
        ),
        (
            "a frame with a wrong remaining",
            |scene| scene.tell_instead(&[(1, granted("bot-0", 1)), (2, granted("bot-1", 1))]),
            &["wrong_frame"],
        ),
        (
            "an answer that is not stored",
            |scene| scene.answer(2, grant(2)),
            &["answered_not_stored", "answered_otherwise"],
        ),
        ("a denial of a holder", |scene| scene.answer(1, sold_out(0)), &["denied_but_holds"]),
        ("a denial with a unit left", |scene| scene.answer(2, sold_out(1)), &["denied_too_early"]),
        ("a member that missed a grant", |scene| scene.witnesses[2] = witness(2, 1), &["not_told"]),
        (
            "a member that left for good",
            |scene| scene.witnesses[2] = Witness { stayed: false, ..witness(2, 0) },
            &[],
        ),
    ];
    for (what, corrupt, found) in rows {
        let mut scene = Scene::clean();
        corrupt(&mut scene);
        assert_eq!(scene.kinds(), found, "{what}: {:?}", scene.judge());
    }
}

#[test]
fn an_asset_that_somebody_removed_is_not_lost() {
    let mut scene = Scene::clean();
    scene.stored = AssetState { removed: true, ..asset(0) };
    scene.tell_all(3, &Fact::Removed);
    assert_eq!(scene.judge(), []);
}

#[test]
fn an_answer_that_never_came_asks_for_nothing() {
    let mut scene = Scene::clean();
    scene.one_unit_is_left();
    scene.answer(2, Answer::Unknown);
    assert_eq!(scene.judge(), []);
}

#[test]
fn a_member_that_was_not_told_is_named_until_a_state_covers_the_grant() {
    let mut scene = Scene::clean();
    scene.witnesses[2] = witness(2, 1);
    let expected = "bot-0-0: bot-2 was never told that bot-1 got a unit (revision 2)";
    assert_eq!(scene.judge().iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    scene.witnesses[2].member.state(0, 2);
    assert_eq!(scene.judge(), []);
}

#[test]
fn holders_of_an_earlier_run_are_counted_in() {
    let mut scene = Scene::clean();
    scene.baseline.revision = 2;
    scene.tell_instead(&[]);
    scene.witnesses = (0..3).map(|bot| witness(bot, 2)).collect();
    scene.answer(0, Answer::Granted { revision: 1, already_held: true });
    scene.answer(2, sold_out(0));
    assert_eq!(scene.judge(), []);
    scene.answer(1, sold_out(0));
    assert_eq!(scene.kinds(), ["denied_but_holds"]);
}

#[test]
fn other_askers_may_win_too() {
    let mut scene = Scene::clean();
    scene.stored.holders[1].player = PlayerName::parse("guest").unwrap();
    scene.tell_instead(&[(1, granted("bot-0", 1)), (2, granted("guest", 0))]);
    scene.answer(1, sold_out(0));
    assert_eq!(scene.judge(), []);
}

#[test]
fn what_others_release_and_restock_breaks_nothing() {
    let mut scene = Scene::clean();
    scene.tell_all(3, &Fact::Released { player: "bot-1", remaining: 1, reason: EndReason::Released });
    scene.tell_all(4, &Fact::Changed { units: 3, remaining: 2 });
    scene.stored = AssetState { remaining: 2, revision: 4, held: 1, holders: vec![holder(0, 1)], ..asset(3) };
    assert_eq!(scene.judge(), []);
}
