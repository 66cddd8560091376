use super::*;
use crate::{
    bots::{
        fact::Fact,
        plan::{Plan, tests::small},
        propagation::Mark,
        stored::Holder,
    },
    model::Units,
};

const UNITS: Units = 2;

/// A round of one asset with 2 units and three bots, of which the first two get one each. Tests then corrupt it.
struct Scene {
    baseline: Baseline,
    observations: Observations,
    stored: Stored,
    witnesses: Vec<Witness>,
}

impl Scene {
    fn clean() -> Self {
        let mut observations = Observations::default();
        let mut witnesses: Vec<_> = (0..3).map(witness).collect();
        for (revision, remaining) in [(1, 1), (2, 0)] {
            let name = format!("bot-{}", revision - 1);
            for witness in &mut witnesses {
                witness.member.frame(0, revision);
                tell(&mut observations, revision, &granted(&name, remaining));
            }
        }
        for (index, witness) in witnesses.iter_mut().enumerate() {
            let grant = Answer::Granted { revision: index as u64 + 1, already_held: false };
            let answer = if index < 2 { grant } else { Answer::SoldOut { remaining: 0 } };
            witness.member.answered(0, answer, 5);
        }
        let stored = Stored {
            units: UNITS,
            remaining: 0,
            revision: 2,
            held: 2,
            gone: false,
            holders: vec![holder(0, 1), holder(1, 2)],
        };
        Self { baseline: Baseline { revision: 0, units: UNITS }, observations, stored, witnesses }
    }

    fn member(&mut self, bot: usize) -> &mut Member {
        &mut self.witnesses[bot].member
    }

    /// Sends all members a change other than a grant.
    fn tell_all(&mut self, revision: u64, fact: &Fact<&str>) {
        for witness in &mut self.witnesses {
            witness.member.frame(0, revision);
            tell(&mut self.observations, revision, fact);
        }
    }

    fn judge(&self) -> Vec<Violation> {
        let names = small(1, 0.0, 0.0).assets(0).expect("short names");
        let evidence = Evidence {
            name: &names[0],
            baseline: self.baseline,
            observations: &self.observations,
            stored: &self.stored,
        };
        let found = judge(&Case { assets: vec![evidence], witnesses: &self.witnesses });
        assert_eq!(found.count, found.shown.len() as u64);
        found.shown
    }

    fn kinds(&self) -> Vec<String> {
        let kind = |v: &Violation| {
            serde_json::to_value(v).expect("plain fields")["kind"].as_str().expect("a kind").to_owned()
        };
        self.judge().iter().map(kind).collect()
    }
}

fn tell(observations: &mut Observations, revision: u64, fact: &Fact<&str>) {
    assert_eq!(
        observations.told(revision, fact, Mark { node: 0, us: 10 }),
        Ok(true),
        "a proper fact, told for the first time or again"
    );
}

fn player(bot: usize) -> PlayerName {
    Plan::player(bot).expect("a short name")
}

fn witness(index: usize) -> Witness {
    let mut member = Member::new(1);
    member.begin_at(0, 0);
    Witness { player: player(index), member, stayed: true }
}

fn holder(bot: usize, revision: u64) -> Holder {
    Holder { player: player(bot), revision }
}

fn granted(player: &str, remaining: Units) -> Fact<&str> {
    Fact::Granted { player, units: UNITS, remaining }
}

#[test]
fn a_clean_round_is_held() {
    assert_eq!(Scene::clean().judge(), []);
}

#[test]
fn an_asset_that_the_store_forgot_is_found() {
    let mut scene = Scene::clean();
    scene.stored = Stored { units: 0, remaining: 0, revision: 0, held: 0, gone: true, holders: vec![] };
    assert_eq!(scene.kinds(), ["asset_lost"]);
    scene.tell_all(3, &Fact::Removed);
    assert_eq!(scene.judge(), [], "somebody removed it");
}

#[test]
fn more_holders_than_units_are_found() {
    let mut scene = Scene::clean();
    scene.stored.units = 1;
    scene.baseline.units = 1;
    assert!(scene.kinds().contains(&"too_many_holders".to_owned()));
}

#[test]
fn an_asker_who_got_nothing_while_units_were_left_is_found() {
    let mut scene = Scene::clean();
    scene.stored = Stored { units: 3, remaining: 1, ..scene.stored };
    scene.baseline.units = 3;
    assert!(scene.kinds().contains(&"too_few_holders".to_owned()));
}

#[test]
fn an_answer_that_never_came_asks_for_nothing() {
    let mut scene = Scene::clean();
    scene.stored = Stored { units: 3, remaining: 1, ..scene.stored };
    scene.baseline.units = 3;
    scene.member(2).answered(0, Answer::Unknown, 5);
    assert!(!scene.kinds().contains(&"too_few_holders".to_owned()));
}

#[test]
fn a_remaining_that_does_not_add_up_is_found() {
    let mut scene = Scene::clean();
    scene.stored.remaining = 1;
    assert_eq!(scene.kinds(), ["wrong_remaining"]);
}

#[test]
fn a_count_of_holders_that_is_not_their_number_is_found() {
    let mut scene = Scene::clean();
    scene.stored.held = 1;
    assert_eq!(scene.kinds(), ["wrong_count"]);
}

#[test]
fn units_that_grow_unannounced_are_found() {
    let mut scene = Scene::clean();
    scene.baseline.units = 1;
    assert_eq!(scene.kinds(), ["wrong_units"]);
}

#[test]
fn one_player_with_two_units_is_found() {
    let mut scene = Scene::clean();
    scene.stored.holders[1] = holder(0, 2);
    assert!(scene.kinds().contains(&"held_twice".to_owned()));
}

#[test]
fn two_grants_of_one_revision_are_found() {
    let mut scene = Scene::clean();
    scene.stored.holders[1] = holder(1, 1);
    assert!(scene.kinds().contains(&"wrong_revision".to_owned()));
    scene.stored.holders[1] = holder(1, 3);
    assert!(scene.kinds().contains(&"wrong_revision".to_owned()), "beyond the asset's own");
}

#[test]
fn a_member_that_was_not_told_is_found() {
    let mut scene = Scene::clean();
    scene.witnesses[2] = Witness { member: Member::new(1), ..witness(2) };
    scene.member(2).begin_at(0, 0);
    scene.member(2).frame(0, 1);
    scene.member(2).answered(0, Answer::SoldOut { remaining: 0 }, 5);
    let expected = "bot-0-0: bot-2 was never told that bot-1 got a unit (revision 2)";
    assert_eq!(scene.judge().iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    scene.member(2).state(0, 2);
    assert_eq!(scene.judge(), [], "a state that covers it will do");
}

#[test]
fn a_member_that_left_for_good_is_not_missed() {
    let mut scene = Scene::clean();
    scene.witnesses[2] = Witness { stayed: false, ..witness(2) };
    assert_eq!(scene.judge(), []);
}

#[test]
fn a_revision_nobody_knows_anything_of_is_found() {
    let mut scene = Scene::clean();
    scene.stored.revision = 3;
    assert_eq!(scene.kinds(), ["gap", "gap", "gap"]);
}

#[test]
fn a_grant_that_was_told_but_is_not_stored_is_found() {
    let mut scene = Scene::clean();
    scene.stored = Stored { remaining: 1, held: 1, holders: vec![holder(0, 1)], ..scene.stored };
    let kinds = scene.kinds();
    assert!(kinds.contains(&"told_not_stored".to_owned()) && kinds.contains(&"answered_not_stored".to_owned()));
}

#[test]
fn a_frame_with_a_wrong_remaining_is_found() {
    let mut scene = Scene::clean();
    scene.observations = Observations::default();
    tell(&mut scene.observations, 1, &granted("bot-0", 1));
    tell(&mut scene.observations, 2, &granted("bot-1", 1));
    assert_eq!(scene.kinds(), ["wrong_frame"]);
}

#[test]
fn an_answer_that_is_not_stored_is_found() {
    let mut scene = Scene::clean();
    scene.member(2).answered(0, Answer::Granted { revision: 2, already_held: false }, 5);
    assert_eq!(scene.kinds(), ["answered_not_stored", "answered_otherwise"]);
}

#[test]
fn a_denial_of_one_who_holds_is_found() {
    let mut scene = Scene::clean();
    scene.member(1).answered(0, Answer::SoldOut { remaining: 0 }, 5);
    assert_eq!(scene.kinds(), ["denied_but_holds"]);
}

#[test]
fn a_denial_with_units_left_is_found() {
    let mut scene = Scene::clean();
    scene.member(2).answered(0, Answer::SoldOut { remaining: 1 }, 5);
    assert_eq!(scene.kinds(), ["denied_too_early"]);
}

#[test]
fn holders_of_an_earlier_run_are_counted_in() {
    let mut scene = Scene::clean();
    scene.baseline.revision = 2;
    scene.observations = Observations::default();
    for bot in 0..3 {
        scene.witnesses[bot].member = Member::new(1);
        scene.member(bot).begin_at(0, 2);
    }
    scene.member(0).answered(0, Answer::Granted { revision: 1, already_held: true }, 5);
    scene.member(2).answered(0, Answer::SoldOut { remaining: 0 }, 5);
    assert_eq!(scene.judge(), []);
    scene.member(1).answered(0, Answer::SoldOut { remaining: 0 }, 5);
    assert_eq!(scene.kinds(), ["denied_but_holds"]);
}

#[test]
fn other_askers_may_win_too() {
    let mut scene = Scene::clean();
    let guest = PlayerName::parse("guest").expect("a name");
    scene.stored.holders[1].player = guest;
    scene.observations = Observations::default();
    tell(&mut scene.observations, 1, &granted("bot-0", 1));
    tell(&mut scene.observations, 2, &granted("guest", 0));
    scene.member(1).answered(0, Answer::SoldOut { remaining: 0 }, 5);
    assert_eq!(scene.judge(), []);
}

#[test]
fn what_others_release_and_restock_breaks_nothing() {
    let mut scene = Scene::clean();
    scene.tell_all(3, &Fact::Released { player: "bot-1", remaining: 1 });
    scene.tell_all(4, &Fact::Changed { units: 3, remaining: 2 });
    scene.stored =
        Stored { units: 3, remaining: 2, revision: 4, held: 1, gone: false, holders: vec![holder(0, 1)] };
    assert_eq!(scene.judge(), []);
}
