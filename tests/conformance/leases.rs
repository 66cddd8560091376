//! Grants that end. The time of a change is that of its call, so nothing here waits.

use std::slice::from_ref;

use asset_arbiter::{
    model::{
        AssetName, AssetOptions, AssetState, EndReason, Grant, Lease, Millis, NewAsset, PlayerName,
        limits::{ENDS_KEPT, PROLONGED_PLAYERS},
    },
    store::{Leased, StoreErrorKind, Verdict},
};

use super::ground::{Ground, Node, asset, check, player, players, refusal, team};

super::properties![
    the_options_of_an_asset_are_those_of_its_creation,
    a_select_creates_an_asset_with_its_options if select_creates,
    a_hold_ends_unless_it_is_confirmed,
    a_confirmed_grant_ends_after_its_own_time,
    a_grant_without_holds_is_confirmed_already,
    a_confirmation_that_comes_too_late_is_told_so,
    a_late_confirmation_may_take_a_unit_that_is_left,
    a_confirmation_takes_effect_once,
    a_hold_begins_anew_up_to_a_limit,
    what_is_no_hold_cannot_be_extended,
    grants_end_in_the_order_of_their_deadlines_before_anything_else,
    grants_that_end_at_one_time_end_in_the_order_they_were_made,
    every_change_ends_first_what_is_over,
    a_grant_ends_once_however_often_it_is_asked_for,
    more_grants_end_at_once_than_one_write_takes,
    a_player_who_is_there_keeps_the_grant_and_who_left_loses_it,
    time_does_not_run_backwards,
    what_is_remembered_of_ends_has_a_bound,
    a_reset_and_a_removal_end_what_was_held,
    deadlines_are_read_back,
    an_asset_without_options_knows_no_deadlines,
];

pub(super) const NOW: Millis = 1_795_000_000_000;

pub(super) fn options(hold_ms: impl Into<Option<Millis>>, grant_ms: impl Into<Option<Millis>>) -> AssetOptions {
    AssetOptions { hold_ms: hold_ms.into(), grant_ms: grant_ms.into(), ..AssetOptions::NONE }
}

/// An asset with options, created at [`NOW`].
pub(super) async fn made(ground: &Ground, units: u32, options: AssetOptions) -> (AssetName, Node) {
    let (sword, node) = (asset("sword"), Node::new());
    let new = NewAsset { units, options };
    let created = ground.store.create(node.at(NOW), &ground.key(&sword), &new).await.unwrap();
    assert!(created.created);
    check(&created.state);
    (sword, node)
}

pub(super) async fn select(
    ground: &Ground,
    node: &Node,
    at: Millis,
    asset: &AssetName,
    who: &[PlayerName],
) -> Vec<Verdict> {
    let mut verdicts = ground.select(node.at(at), asset, who).await.into_inner().verdicts;
    for verdict in &mut verdicts {
        if let Verdict::Granted { lease, .. } = verdict {
            *lease = Lease { until: lease.until, ..Lease::NONE };
        }
    }
    verdicts
}

async fn confirm(ground: &Ground, node: &Node, at: Millis, asset: &AssetName, who: &PlayerName) -> Leased {
    let done = ground.store.confirm(node.at(at), &ground.key(asset), who, false).await.unwrap().into_inner();
    check(&done.state);
    done
}

async fn expire(ground: &Ground, node: &Node, at: Millis, asset: &AssetName) -> AssetState {
    let state = ground.store.expire(node.at(at), &ground.key(asset)).await.unwrap().into_inner();
    check(&state);
    state
}

/// A grant that ends then.
fn hold(revision: u64, until: Millis) -> Verdict {
    Verdict::Granted { revision, lease: Lease { until: Some(until), ..Lease::NONE } }
}

/// Who lost a grant, at which revision, when and why.
fn ends(state: &AssetState) -> Vec<(String, u64, Millis, EndReason)> {
    let ends = state.terms.iter().flat_map(|terms| &terms.ends);
    ends.map(|end| (end.player.to_string(), end.revision, end.at, end.reason)).collect()
}

async fn the_options_of_an_asset_are_those_of_its_creation(ground: Ground) {
    let reserved_for = players(["ann", "auth0|5f7c@x.y:z+=~-"]).to_vec();
    let all = AssetOptions {
        hold_ms: Some(1),
        grant_ms: Some(2),
        leave_ms: Some(3),
        cooldown_ms: Some(4),
        reserved_for,
        for_ms: Some(5),
    };
    let (sword, node) = made(&ground, 2, all.clone()).await;
    let stored = async |at| {
        let state = ground.state(at).await;
        state.terms.map(|terms| terms.options)
    };
    assert_eq!(stored(&sword).await, Some(all.clone()));
    assert_eq!(ground.snapshot().await[0].terms.as_ref().map(|terms| &terms.options), Some(&all));
    let key = ground.key(&sword);
    let same = NewAsset { units: 2, options: all.clone() };
    assert!(!ground.store.create(node.next(), &key, &same).await.unwrap().created);
    let other = NewAsset { units: 2, options: AssetOptions { hold_ms: Some(9), ..all } };
    for other in [other, NewAsset::plain(2)] {
        let refused = ground.store.create(node.next(), &key, &other).await;
        assert_eq!(refusal(refused), StoreErrorKind::Conflict);
    }
    ground.remove(node.next(), &sword).await;
    assert!(ground.create(node.next(), &sword, 2).await.created);
    assert_eq!(stored(&sword).await, None, "a new life has options of its own");
    let refused = ground.store.create(node.next(), &key, &same).await;
    assert_eq!(refusal(refused), StoreErrorKind::Conflict);
}

async fn a_select_creates_an_asset_with_its_options(ground: Ground) {
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    let new = std::sync::Arc::new(NewAsset { units: 1, options: options(50, None) });
    let key = ground.key(&sword);
    let selected = ground.store.select(node.at(NOW), &key, from_ref(&ann), Some(new)).await.unwrap();
    assert!(matches!(selected.verdicts[..], [Verdict::Granted { revision: 1, .. }]));
    assert_eq!(ground.holders(&sword).await[0].lease.until, Some(NOW + 50));
    assert_eq!(expire(&ground, &node, NOW + 50, &sword).await.held, 0);
}

async fn a_hold_ends_unless_it_is_confirmed(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 2, options(100, None)).await, players(["ann", "bob"]));
    let both = [ann.clone(), bob.clone()];
    assert_eq!(select(&ground, &node, NOW, &sword, &both).await, [hold(1, NOW + 100), hold(2, NOW + 100)]);
    let done = confirm(&ground, &node, NOW + 99, &sword, &ann).await;
    assert!(done.changed);
    assert_eq!((done.grant.unwrap().lease, done.state.revision), (Lease::NONE, 3));
    let again = confirm(&ground, &node, NOW + 99, &sword, &ann).await;
    assert!(!again.changed && again.grant.is_some(), "it is confirmed already");
    assert_eq!(again.state.revision, 3);
    assert_eq!(expire(&ground, &node, NOW + 99, &sword).await.held, 2, "not before its time");
    let state = expire(&ground, &node, NOW + 100, &sword).await;
    assert_eq!((state.held, state.remaining, state.revision), (1, 1, 4));
    assert_eq!(ends(&state), [("bob".to_owned(), 4, NOW + 100, EndReason::Expired)]);
    assert!(ground.held_by(&bob).await.is_empty());
    assert_eq!(ground.held_by(&ann).await, [(sword.clone(), 1)]);
    assert_eq!(expire(&ground, &node, NOW + 1_000_000, &sword).await.revision, 4, "what is confirmed stays");
}

async fn a_confirmed_grant_ends_after_its_own_time(ground: Ground) {
    let ((sword, node), [ann]) = (made(&ground, 1, options(100, 500)).await, players(["ann"]));
    assert_eq!(select(&ground, &node, NOW, &sword, from_ref(&ann)).await, [hold(1, NOW + 100)]);
    let grant = confirm(&ground, &node, NOW + 50, &sword, &ann).await.grant.unwrap();
    assert_eq!((grant.lease.until, grant.lease.is_hold), (Some(NOW + 550), false));
    assert_eq!(expire(&ground, &node, NOW + 549, &sword).await.held, 1);
    let state = expire(&ground, &node, NOW + 550, &sword).await;
    assert_eq!(ends(&state), [("ann".to_owned(), 3, NOW + 550, EndReason::Respawned)]);
}

async fn a_grant_without_holds_is_confirmed_already(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 2, options(None, 500)).await, players(["ann", "bob"]));
    let lease = Lease { until: Some(NOW + 500), present_until: None, is_hold: false };
    assert_eq!(
        select(&ground, &node, NOW, &sword, from_ref(&ann)).await,
        [Verdict::Granted { revision: 1, lease }]
    );
    let already = Verdict::AlreadyHeld { revision: 1, until: Some(NOW + 500) };
    assert_eq!(
        select(&ground, &node, NOW + 9, &sword, from_ref(&ann)).await,
        [already],
        "nothing is prolonged"
    );
    let done = confirm(&ground, &node, NOW + 10, &sword, &ann).await;
    assert!(!done.changed && done.grant.is_some_and(|grant| grant.lease == lease));
    let refused = ground.store.confirm(node.at(NOW + 10), &ground.key(&sword), &bob, true).await;
    assert_eq!(refusal(refused), StoreErrorKind::NotHeld);
}

async fn a_confirmation_that_comes_too_late_is_told_so(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 1, options(100, None)).await, players(["ann", "bob"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let done = confirm(&ground, &node, NOW + 100, &sword, &ann).await;
    assert!(!done.changed && done.grant.is_none(), "{done:?}");
    assert_eq!((done.state.held, done.state.revision), (0, 2));
    assert_eq!(select(&ground, &node, NOW + 100, &sword, from_ref(&bob)).await, [hold(3, NOW + 200)]);
    let done = ground.store.confirm(node.at(NOW + 101), &ground.key(&sword), &ann, true).await.unwrap();
    assert!(!done.changed && done.grant.is_none(), "no unit is left to take: {done:?}");
    ground.store.release(node.at(NOW + 102), &ground.key(&sword), &bob, EndReason::Released).await.unwrap();
    let refused = ground.store.confirm(node.at(NOW + 103), &ground.key(&sword), &bob, true).await;
    assert_eq!(refusal(refused), StoreErrorKind::NotHeld, "bob gave it back");
    let refused = ground.store.extend(node.at(NOW + 104), &ground.key(&sword), &bob, 1000).await;
    assert_eq!(refusal(refused), StoreErrorKind::NotHeld);
    let done = ground.store.extend(node.at(NOW + 104), &ground.key(&sword), &ann, 1000).await.unwrap();
    assert!(!done.changed && done.grant.is_none());
}

async fn a_late_confirmation_may_take_a_unit_that_is_left(ground: Ground) {
    let ((sword, node), [ann]) = (made(&ground, 2, options(100, 900)).await, players(["ann"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let (call, key) = (node.at(NOW + 300), ground.key(&sword));
    let done = ground.store.confirm(call, &key, &ann, true).await.unwrap();
    check(&done.state);
    let lease = Lease { until: Some(NOW + 1200), present_until: None, is_hold: false };
    let grant = Grant::leased(ann.clone(), NOW + 300, 3, lease);
    assert_eq!((done.changed, done.grant.clone()), (true, Some(grant)));
    assert_eq!((done.state.held, done.state.revision), (1, 3), "one ended, one began");
    let again = ground.store.confirm(call, &key, &ann, true).await.unwrap();
    assert!(again.changed && again.grant == done.grant);
    assert_eq!(ground.state(&sword).await, done.state);
}

async fn a_confirmation_takes_effect_once(ground: Ground) {
    let ((sword, node), [ann]) = (made(&ground, 1, options(100, None)).await, players(["ann"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let (call, key) = (node.at(NOW + 10), ground.key(&sword));
    let first = ground.store.confirm(call, &key, &ann, false).await.unwrap();
    let again = ground.store.confirm(call, &key, &ann, false).await.unwrap();
    assert!(again.is_repeat() && again.changed);
    assert_eq!(again.into_inner(), first.into_inner());
    let other = Node::new();
    ground.store.release(other.at(NOW + 20), &key, &ann, EndReason::Released).await.unwrap();
    select(&ground, &other, NOW + 30, &sword, from_ref(&ann)).await;
    let again = ground.store.confirm(call, &key, &ann, false).await.unwrap();
    assert!(again.changed, "it was");
    assert_eq!(ground.state(&sword).await.revision, 4);
    let state = expire(&ground, &other, NOW + 130, &sword).await;
    assert_eq!(state.held, 0, "the new hold was not confirmed by the copy");
}

async fn a_hold_begins_anew_up_to_a_limit(ground: Ground) {
    let ((sword, node), [ann]) = (made(&ground, 1, options(100, None)).await, players(["ann"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let key = ground.key(&sword);
    let extend = async |at: Millis| {
        let done = ground.store.extend(node.at(NOW + at), &key, &ann, 250).await.unwrap().into_inner();
        check(&done.state);
        (done.changed, done.grant.unwrap().lease.until.unwrap() - NOW)
    };
    assert_eq!(extend(0).await, (false, 100), "it is as long already");
    assert_eq!(extend(50).await, (true, 150));
    assert_eq!(extend(149).await, (true, 249));
    assert_eq!(extend(200).await, (true, 250), "no longer than it may");
    assert_eq!(extend(240).await, (false, 250));
    assert_eq!(ground.state(&sword).await.revision, 4);
    assert_eq!(expire(&ground, &node, NOW + 249, &sword).await.held, 1);
    assert_eq!(expire(&ground, &node, NOW + 250, &sword).await.held, 0);
}

async fn what_is_no_hold_cannot_be_extended(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 1, options(100, 900)).await, players(["ann", "bob"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    confirm(&ground, &node, NOW, &sword, &ann).await;
    let before = ground.state(&sword).await;
    let extend =
        async |who: &PlayerName| ground.store.extend(node.at(NOW), &ground.key(&sword), who, 250).await;
    assert_eq!(refusal(extend(&ann).await), StoreErrorKind::Conflict);
    assert_eq!(refusal(extend(&bob).await), StoreErrorKind::NotHeld);
    assert_eq!(ground.state(&sword).await, before);
    let missing = ground.store.extend(node.at(NOW), &ground.key(&asset("bow")), &ann, 250).await;
    assert_eq!(refusal(missing), StoreErrorKind::UnknownAsset);
}

async fn grants_end_in_the_order_of_their_deadlines_before_anything_else(ground: Ground) {
    let ((sword, node), all) = (made(&ground, 3, options(100, None)).await, players(["ann", "bob", "cat"]));
    for (late, who) in [(20, &all[0]), (0, &all[1]), (10, &all[2])] {
        select(&ground, &node, NOW + 20 + late, &sword, from_ref(who)).await;
    }
    // Time does not run backwards: bob and cat came at the time of ann's grant.
    ground.store.extend(node.at(NOW + 60), &ground.key(&sword), &all[0], 1000).await.unwrap();
    let dan = player("dan");
    assert_eq!(select(&ground, &node, NOW + 150, &sword, from_ref(&dan)).await, [hold(7, NOW + 250)]);
    let state = expire(&ground, &node, NOW + 160, &sword).await;
    let told = ends(&state);
    assert_eq!(
        told,
        [
            ("bob".to_owned(), 5, NOW + 140, EndReason::Expired),
            ("cat".to_owned(), 6, NOW + 140, EndReason::Expired),
            ("ann".to_owned(), 8, NOW + 160, EndReason::Expired),
        ]
    );
    let remaining: Vec<_> = state.terms.iter().flat_map(|terms| &terms.ends).map(|end| end.remaining).collect();
    assert_eq!(remaining, [1, 2, 2]);
}

async fn grants_that_end_at_one_time_end_in_the_order_they_were_made(ground: Ground) {
    let options = AssetOptions { leave_ms: Some(50), ..options(100, None) };
    let ((sword, node), all) = (made(&ground, 3, options).await, players(["ann", "bob", "cat"]));
    select(&ground, &node, NOW, &sword, &all).await;
    // Its hold is longer than the others', and yet it ends with them, as its player has left.
    ground.store.extend(node.at(NOW + 10), &ground.key(&sword), &all[0], 1000).await.unwrap();
    confirm(&ground, &node, NOW + 10, &sword, &all[1]).await;
    let state = expire(&ground, &node, NOW + 50, &sword).await;
    let told = ends(&state).into_iter().map(|(player, revision, at, _)| (player, revision, at));
    let expected = ["ann", "bob", "cat"].into_iter().zip(6..);
    assert!(told.eq(expected.map(|(player, revision)| (player.to_owned(), revision, NOW + 50))), "{state:?}");
}

async fn every_change_ends_first_what_is_over(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 1, options(100, None)).await, players(["ann", "bob"]));
    let key = ground.key(&sword);
    let mut at = NOW;
    let hold_ended = async |what: &str| {
        let state = ground.state(&sword).await;
        assert_eq!((state.held, ends(&state).last().unwrap().3), (0, EndReason::Expired), "after {what}");
    };
    for what in ["restock", "release", "create", "confirm", "extend", "prolong", "expire", "select"] {
        assert!(matches!(
            select(&ground, &node, at, &sword, from_ref(&ann)).await[..],
            [Verdict::Granted { .. }]
        ));
        at += 100;
        let store = &ground.store;
        match what {
            "restock" => assert_eq!(
                refusal(store.restock(node.at(at), &key, 1, Some(99)).await),
                StoreErrorKind::Conflict
            ),
            "release" => {
                let refused = store.release(node.at(at), &key, &bob, EndReason::Released).await;
                assert_eq!(refusal(refused), StoreErrorKind::NotHeld);
            }
            "create" => {
                let refused = store.create(node.at(at), &key, &NewAsset::plain(1)).await;
                assert_eq!(refusal(refused), StoreErrorKind::Conflict);
            }
            "confirm" => assert!(store.confirm(node.at(at), &key, &ann, false).await.unwrap().grant.is_none()),
            "extend" => assert!(store.extend(node.at(at), &key, &ann, 9999).await.unwrap().grant.is_none()),
            "prolong" => assert_eq!(store.prolong(node.at(at), &key, from_ref(&ann)).await.unwrap().held, 0),
            "expire" => assert_eq!(store.expire(node.at(at), &key).await.unwrap().held, 0),
            _ => {
                let verdicts = select(&ground, &node, at, &sword, from_ref(&bob)).await;
                assert!(matches!(verdicts[..], [Verdict::Granted { .. }]), "{verdicts:?}");
                at += 100;
                expire(&ground, &node, at, &sword).await;
            }
        }
        hold_ended(what).await;
    }
}

async fn a_grant_ends_once_however_often_it_is_asked_for(ground: Ground) {
    let ((sword, node), [ann]) = (made(&ground, 1, options(100, None)).await, players(["ann"]));
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let (call, other) = (node.at(NOW + 100), Node::new());
    let key = ground.key(&sword);
    let first = ground.store.expire(call, &key).await.unwrap();
    let again = ground.store.expire(call, &key).await.unwrap();
    assert!(again.is_repeat());
    assert_eq!(again.into_inner(), first.into_inner());
    for at in [100, 101, 5000] {
        let state = expire(&ground, &other, NOW + at, &sword).await;
        assert_eq!((state.revision, state.remaining, ends(&state).len()), (2, 1, 1));
    }
}

async fn more_grants_end_at_once_than_one_write_takes(ground: Ground) {
    const MANY: usize = 150;
    let ((sword, node), all) = (made(&ground, MANY as u32, options(100, None)).await, team("p", MANY));
    for some in all.chunks(50) {
        select(&ground, &node, NOW, &sword, some).await;
    }
    let late = team("late", 100);
    let verdicts = select(&ground, &node, NOW + 100, &sword, &late).await;
    let expected: Vec<_> = (1..=100).map(|n| hold(2 * MANY as u64 + n, NOW + 200)).collect();
    assert_eq!(verdicts, expected, "all units were free");
    let state = ground.state(&sword).await;
    assert_eq!((state.held, state.revision), (100, 2 * MANY as u64 + 100));
    assert!(ground.held_by(&all[0]).await.is_empty() && ground.held_by(&all[MANY - 1]).await.is_empty());
    assert_eq!(ground.holders(&sword).await.len(), 100);
    assert_eq!(expire(&ground, &node, NOW + 200, &sword).await.held, 0);
    assert_eq!(ground.holders(&sword).await, []);
}

async fn a_player_who_is_there_keeps_the_grant_and_who_left_loses_it(ground: Ground) {
    let options = AssetOptions { leave_ms: Some(300), ..AssetOptions::NONE };
    let many = team("p", PROLONGED_PLAYERS);
    let (sword, node) = made(&ground, many.len() as u32, options).await;
    select(&ground, &node, NOW, &sword, &many).await;
    let key = ground.key(&sword);
    for at in [100, 200, 300] {
        let prolonged = ground.store.prolong(node.at(NOW + at), &key, &many[1..]).await.unwrap();
        check(&prolonged);
        assert_eq!(prolonged.held as usize, if at < 300 { many.len() } else { many.len() - 1 });
    }
    let state = expire(&ground, &node, NOW + 599, &sword).await;
    assert_eq!(ends(&state), [("p-0".to_owned(), 67, NOW + 300, EndReason::Left)]);
    let nobody = ground.store.prolong(node.at(NOW + 599), &key, from_ref(&many[0])).await.unwrap();
    assert_eq!(nobody.revision, state.revision, "who holds nothing is not prolonged");
    let state = expire(&ground, &node, NOW + 600, &sword).await;
    assert_eq!((state.held, ends(&state).len()), (0, ENDS_KEPT));
}

async fn time_does_not_run_backwards(ground: Ground) {
    let ((sword, node), [ann, bob]) = (made(&ground, 2, options(100, None)).await, players(["ann", "bob"]));
    assert_eq!(select(&ground, &node, NOW + 500, &sword, from_ref(&ann)).await, [hold(1, NOW + 600)]);
    let slow = Node::new();
    assert_eq!(select(&ground, &slow, NOW - 3_600_000, &sword, from_ref(&bob)).await, [hold(2, NOW + 600)]);
    assert_eq!(expire(&ground, &slow, NOW - 3_600_000, &sword).await.held, 2);
    assert_eq!(expire(&ground, &node, NOW + 600, &sword).await.held, 0);
    let early = confirm(&ground, &slow, NOW, &sword, &ann).await;
    assert!(early.grant.is_none(), "what has ended does not come back");
}

async fn what_is_remembered_of_ends_has_a_bound(ground: Ground) {
    let ((sword, node), all) = (made(&ground, 1, options(10, None)).await, team("p", ENDS_KEPT + 5));
    for (n, who) in all.iter().enumerate() {
        let verdicts = select(&ground, &node, NOW + 10 * n as Millis, &sword, from_ref(who)).await;
        assert!(matches!(verdicts[..], [Verdict::Granted { .. }]), "{n}: {verdicts:?}");
    }
    let at = NOW + 10 * all.len() as Millis;
    let state = expire(&ground, &node, at, &sword).await;
    assert_eq!((state.held, ends(&state).len()), (0, ENDS_KEPT));
    assert!(confirm(&ground, &node, at, &sword, &all[5]).await.grant.is_none());
    let forgotten = ground.store.confirm(node.at(at), &ground.key(&sword), &all[4], false).await;
    assert_eq!(refusal(forgotten), StoreErrorKind::NotHeld);
}

async fn a_reset_and_a_removal_end_what_was_held(ground: Ground) {
    let options = AssetOptions { cooldown_ms: Some(1000), ..options(100, None) };
    let ((sword, node), [ann]) = (made(&ground, 1, options.clone()).await, players(["ann"]));
    let key = ground.key(&sword);
    select(&ground, &node, NOW, &sword, from_ref(&ann)).await;
    let reset = ground.store.reset(node.at(NOW + 10), &key).await.unwrap();
    assert_eq!((reset.held, ends(&reset).len()), (0, 0));
    assert_eq!(reset.terms.as_ref().unwrap().options, options);
    assert_eq!(
        select(&ground, &node, NOW + 20, &sword, from_ref(&ann)).await,
        [hold(3, NOW + 120)],
        "all is new"
    );
    ground.store.remove_asset(node.at(NOW + 30), &key).await.unwrap();
    let gone = ground.store.confirm(node.at(NOW + 40), &key, &ann, true).await;
    assert_eq!(refusal(gone), StoreErrorKind::UnknownAsset);
    let gone = ground.store.expire(node.at(NOW + 500), &key).await;
    assert_eq!(refusal(gone), StoreErrorKind::UnknownAsset);
    let again = NewAsset { units: 1, options };
    ground.store.create(node.at(NOW + 500), &key, &again).await.unwrap();
    assert_eq!(select(&ground, &node, NOW + 500, &sword, from_ref(&ann)).await, [hold(6, NOW + 600)]);
}

async fn deadlines_are_read_back(ground: Ground) {
    let options = AssetOptions { leave_ms: Some(300), ..options(100, None) };
    let ((sword, node), [ann, bob]) = (made(&ground, 40, options).await, players(["ann", "bob"]));
    select(&ground, &node, NOW, &sword, &[ann.clone(), bob]).await;
    confirm(&ground, &node, NOW + 5, &sword, &ann).await;
    let expected = [
        Lease { until: None, present_until: Some(NOW + 300), is_hold: false },
        Lease { until: Some(NOW + 100), present_until: Some(NOW + 300), is_hold: true },
    ];
    let leases = |grants: &[Grant]| grants.iter().map(|grant| grant.lease).collect::<Vec<_>>();
    assert_eq!(leases(&ground.holders(&sword).await), expected);
    assert_eq!(leases(&ground.state(&sword).await.holders), expected);
    assert_eq!(leases(&ground.snapshot().await[0].holders), expected);
    let after = ground.store.holders(&ground.key(&sword), Some(1), 10).await.unwrap();
    assert_eq!(leases(&after), expected[1..]);
    let terms = ground.state(&sword).await.terms.unwrap();
    assert_eq!((terms.created_at, terms.changed_at, terms.next_end), (NOW, NOW + 5, Some(NOW + 100)));
}

async fn an_asset_without_options_knows_no_deadlines(ground: Ground) {
    let ((sword, node), [ann, bob]) = (ground.sword(1).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, from_ref(&ann)).await;
    let before = ground.state(&sword).await;
    assert_eq!(before.terms, None);
    let key = ground.key(&sword);
    let done = ground.store.confirm(node.next(), &key, &ann, true).await.unwrap();
    assert!(!done.changed && done.grant.is_some());
    assert_eq!(refusal(ground.store.confirm(node.next(), &key, &bob, true).await), StoreErrorKind::NotHeld);
    assert_eq!(refusal(ground.store.extend(node.next(), &key, &ann, 1000).await), StoreErrorKind::Conflict);
    ground.store.prolong(node.next(), &key, &[ann, bob]).await.unwrap();
    ground.store.expire(node.next(), &key).await.unwrap();
    assert_eq!(ground.state(&sword).await, before);
}
