use super::*;
use crate::{
    bots::{
        judgement::tests::{Scene, asset, grant, holder, sold_out, witness},
        observations::Observations,
    },
    model::{AssetState, Grant},
};

const HOLD_US: u32 = 300_000;

/// When the first member was told, the revision, and the change.
type History = Vec<(u32, u64, Fact<&'static str>)>;

fn granted(player: &str, remaining: Units) -> Fact<&str> {
    Fact::Granted { player, units: 1, remaining }
}

fn confirmed(player: &str) -> Fact<&str> {
    Fact::Confirmed { player, remaining: 0 }
}

fn ended(player: &str, reason: EndReason) -> Fact<&str> {
    Fact::Released { player, remaining: 1, reason }
}

fn expired(player: &str) -> Fact<&str> {
    ended(player, EndReason::Expired)
}

/// One unit: the hold of bot-0 expires, bot-1 comes too early, bot-2 gets the unit then and confirms.
fn history() -> History {
    vec![
        (10, 1, granted("bot-0", 0)),
        (10 + HOLD_US, 2, expired("bot-0")),
        (20 + HOLD_US, 3, granted("bot-2", 0)),
        (90 + HOLD_US, 4, confirmed("bot-2")),
    ]
}

fn told(history: &History) -> Scene {
    let mut scene = Scene {
        baseline: asset(1),
        observations: Observations::default(),
        stored: AssetState {
            remaining: 0,
            revision: history.last().map_or(0, |(_, revision, _)| *revision),
            held: 1,
            holders: vec![holder(2, 3)],
            ..asset(1)
        },
        witnesses: (0..3).map(|bot| witness(bot, 0)).collect(),
        hold: Some(Duration::from_micros(HOLD_US.into())),
    };
    scene.witnesses[0].member.sent(0, 5);
    scene.witnesses[2].member.sent(0, 15 + HOLD_US);
    scene.answer(0, grant(1));
    scene.answer(1, sold_out(0));
    scene.answer(2, grant(3));
    scene.witnesses[2].member.confirmed(0, Confirmation::Confirmed);
    history.iter().for_each(|(us, revision, fact)| scene.tell_at(*us, *revision, fact));
    scene
}

/// Nobody holds the asset in the end.
fn nobody_holds(scene: &mut Scene) {
    scene.stored = AssetState { revision: scene.stored.revision, ..asset(1) };
}

fn assert_found(what: &str, scene: &Scene, found: &[&str]) {
    assert_eq!(scene.kinds(), found, "{what}: {:?}", scene.judge());
}

#[test]
fn every_wrong_history_is_found() {
    type Row = (&'static str, fn(&mut History), &'static [&'static str]);
    let rows: [Row; 11] = [
        ("a clean round", |_| {}, &[]),
        (
            "a grant of who holds",
            |history| history.push((999_000, 5, granted("bot-2", 0))),
            &["granted_twice", "told_not_stored", "stored_not_told"],
        ),
        (
            "an end of a grant that had ended",
            |history| {
                let fact = Fact::Released { player: "bot-0", remaining: 0, reason: EndReason::Expired };
                history.push((999_000, 5, fact));
            },
            &["ended_twice"],
        ),
        (
            "a unit to two",
            |history| {
                history[1] = (30, 2, granted("bot-1", 0));
                history[2] = (40, 3, granted("bot-2", 0));
            },
            &[
                "too_many_at_once",
                "too_many_at_once",
                "too_many_at_once",
                "told_not_stored",
                "told_not_stored",
                "answered_not_stored",
            ],
        ),
        ("a remaining that does not add up", |history| history[2].2 = granted("bot-2", 1), &["wrong_frame"]),
        ("an end that is early", |history| history[1].0 = 40_000, &["expired_early"]),
        ("an end that is early by less than the slack", |history| history[1].0 = 60_000, &[]),
        (
            "a grant that was told late",
            |history| (history[0].0, history[1].0) = (HOLD_US - 100, HOLD_US + 10),
            &[],
        ),
        (
            "a confirmation of who had no hold",
            |history| history[3].2 = confirmed("bot-1"),
            &["confirmed_not_held", "never_ended"],
        ),
        (
            "a confirmation twice",
            |history| history.push((999_000, 5, confirmed("bot-2"))),
            &["confirmed_not_held"],
        ),
        ("a hold that nothing ended", |history| history.truncate(3), &["never_ended"]),
    ];
    for (what, corrupt, found) in rows {
        let mut history = history();
        corrupt(&mut history);
        assert_found(what, &told(&history), found);
    }
}

#[test]
fn every_wrong_answer_and_store_is_found() {
    type Row = (&'static str, fn(&mut Scene), &'static [&'static str]);
    let rows: [Row; 9] = [
        ("a deadline that still runs", |scene| scene.stored.holders[0].until = Some(9), &["never_ended"]),
        (
            "another holder than was told",
            |scene| scene.stored.holders = vec![holder(1, 3)],
            &[
                "confirmed_not_stored",
                "told_not_stored",
                "stored_not_told",
                "denied_but_holds",
                "answered_not_stored",
            ],
        ),
        (
            "the grant of another revision",
            |scene| scene.stored.holders = vec![holder(2, 2)],
            &["confirmed_not_stored", "told_not_stored", "stored_not_told", "answered_not_stored"],
        ),
        (
            "a hold that expired for its holder alone",
            |scene| scene.witnesses[2].member.confirmed(0, Confirmation::TooLate),
            &["expired_but_holds"],
        ),
        (
            "a hold that was confirmed for its holder alone",
            |scene| scene.witnesses[0].member.confirmed(0, Confirmation::Confirmed),
            &["confirmed_not_stored"],
        ),
        (
            "a hold that expired for everybody",
            |scene| scene.witnesses[0].member.confirmed(0, Confirmation::TooLate),
            &[],
        ),
        ("a denial with a unit left", |scene| scene.answer(1, sold_out(1)), &["denied_too_early"]),
        ("a member that missed a grant", |scene| scene.witnesses[1] = witness(1, 2), &["not_told"]),
        (
            "a member that missed an end",
            |scene| {
                scene.witnesses[1].member = {
                    let mut missed = witness(1, 1).member;
                    missed.frame(0, 3);
                    missed.frame(0, 4);
                    missed
                }
            },
            &["gap"],
        ),
    ];
    for (what, corrupt, found) in rows {
        let mut scene = told(&history());
        corrupt(&mut scene);
        assert_found(what, &scene, found);
    }
}

#[test]
fn a_confirmed_grant_ends_only_if_somebody_ends_it() {
    for (reason, found) in [
        (EndReason::Expired, &["confirmed_not_stored", "confirmed_expired"][..]),
        (EndReason::Respawned, &["confirmed_not_stored", "confirmed_expired"]),
        (EndReason::Released, &[]),
        (EndReason::Kicked, &[]),
    ] {
        let mut history = history();
        history.push((999_000, 5, ended("bot-2", reason)));
        let mut scene = told(&history);
        nobody_holds(&mut scene);
        assert_found(&format!("{reason:?}"), &scene, found);
    }
}

#[test]
fn a_unit_that_nobody_got_is_found() {
    let mut scene = told(&vec![(10, 1, granted("bot-0", 0)), (10 + HOLD_US, 2, expired("bot-0"))]);
    nobody_holds(&mut scene);
    scene.witnesses[2] = witness(2, 2);
    assert_eq!(scene.judge(), []);
    let mut scene = told(&Vec::new());
    nobody_holds(&mut scene);
    (scene.witnesses[0], scene.witnesses[2]) = (witness(0, 0), witness(2, 0));
    assert_found("denied at once", &scene, &["too_few_grants"]);
}

#[test]
fn a_hold_of_an_earlier_run_may_end_at_any_time() {
    let mut scene = told(&history()[1..].to_vec());
    scene.baseline = AssetState { remaining: 0, revision: 1, held: 1, ..asset(1) };
    scene.baseline.holders = vec![Grant { until: Some(9), ..holder(0, 0) }];
    scene.answer(0, Answer::Granted { revision: 1, already_held: true });
    assert_eq!(scene.judge(), []);
    scene.baseline.holders[0].until = None;
    assert_found("it was confirmed", &scene, &["confirmed_expired"]);
}

#[test]
fn without_the_whole_history_only_the_rest_is_checked() {
    let mut restocked = history();
    restocked.insert(0, (5, 1, Fact::Changed { units: 1, remaining: 1 }));
    for (at, change) in restocked.iter_mut().enumerate() {
        change.1 = 1 + at as u64;
    }
    let mut scene = told(&restocked);
    scene.stored.holders = vec![holder(2, 4)];
    scene.answer(0, grant(2));
    scene.answer(2, grant(4));
    assert_eq!(scene.judge(), []);
    scene.stored.remaining = 1;
    assert_found("numbers", &scene, &["wrong_remaining"]);
}
