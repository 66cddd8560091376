use asset_arbiter::model::EndReason;
use asset_arbiter::store::{StoreErrorKind, Verdict};

use super::ground::{Ground, Node, asset, granted, player, players, refusal, team};

super::properties![
    a_reset_asset_is_as_it_was_created_one_revision_later,
    only_what_is_there_can_be_reset,
    a_reset_takes_effect_once,
    holders_of_before_a_reset_never_count,
    a_reset_asset_of_many_holders_has_none,
    a_reset_does_not_touch_other_assets,
];

async fn a_reset_asset_is_as_it_was_created_one_revision_later(ground: Ground) {
    let ((sword, node), [ann]) = (ground.sword(2).await, players(["ann"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let restocked = ground.restock(node.next(), &sword, 5).await;
    assert_eq!((restocked.units, restocked.remaining, restocked.revision), (7, 6, 2));
    let done = ground.reset(node.next(), &sword).await;
    assert!(!done.is_repeat() && !done.removed);
    assert_eq!((done.units, done.remaining, done.revision, done.held), (2, 2, 3, 0));
    assert_eq!((done.origin, done.holders.len()), (restocked.origin, 0));
    assert_eq!(ground.state(&sword).await, *done);
    assert_eq!(ground.snapshot().await, [done.into_inner()]);
    assert!(ground.holders(&sword).await.is_empty() && ground.held_by(&ann).await.is_empty());
    assert!(
        !ground.create(node.next(), &sword, 2).await.created,
        "the units of its creation are what they were"
    );
    let whole = ground.reset(node.next(), &sword).await;
    assert_eq!((whole.revision, whole.remaining), (4, 2), "one that is whole changes, too");
}

async fn only_what_is_there_can_be_reset(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let unknown = ground.store.reset(node.next(), &ground.key(&sword)).await;
    assert_eq!(refusal(unknown), StoreErrorKind::UnknownAsset);
    ground.create(node.next(), &sword, 2).await;
    let tombstone = ground.remove(node.next(), &sword).await;
    let removed = ground.store.reset(node.next(), &ground.key(&sword)).await;
    assert_eq!(refusal(removed), StoreErrorKind::UnknownAsset);
    assert_eq!(ground.state(&sword).await, *tombstone);
}

async fn a_reset_takes_effect_once(ground: Ground) {
    let ((sword, other), node) = (ground.sword(1).await, Node::new());
    let call = node.next();
    ground.reset(call, &sword).await;
    let selected = ground.select(other.next(), &sword, &players(["ann"])).await;
    assert_eq!(selected.verdicts, [granted(2)]);
    let again = ground.reset(call, &sword).await;
    assert!(again.is_repeat());
    assert_eq!((again.revision, again.held), (2, 1), "ann keeps it");
    assert_eq!(ground.state(&sword).await, selected.state);
}

async fn holders_of_before_a_reset_never_count(ground: Ground) {
    let ((sword, node), [ann, bob]) = (ground.sword(1).await, players(["ann", "bob"]));
    for round in 0..3 {
        let first = ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
        assert_eq!(first.verdicts, [granted(2 * round + 1)]);
        let second = ground.select(node.next(), &sword, std::slice::from_ref(&bob)).await;
        assert_eq!(second.verdicts, [Verdict::SoldOut]);
        assert_eq!(ground.reset(node.next(), &sword).await.revision, 2 * round + 2);
        let release = ground.store.release(node.next(), &ground.key(&sword), &ann, EndReason::Released).await;
        assert_eq!(refusal(release), StoreErrorKind::NotHeld);
    }
    let selected = ground.select(node.next(), &sword, &[bob.clone(), ann]).await;
    assert_eq!(selected.verdicts, [granted(7), Verdict::SoldOut]);
    assert_eq!(ground.held_by(&bob).await, [(sword.clone(), 7)]);
    assert_eq!(ground.remove(node.next(), &sword).await.revision, 8);
    assert_eq!(ground.create(node.next(), &sword, 1).await.state.holders, []);
}

/// More than one write of any store takes.
async fn a_reset_asset_of_many_holders_has_none(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let all = team("p", 150);
    ground.create(node.next(), &sword, 150).await;
    for players in all.chunks(50) {
        ground.select(node.next(), &sword, players).await;
    }
    ground.reset(node.next(), &sword).await;
    let state = ground.state(&sword).await;
    assert_eq!((state.held, state.remaining, state.holders.len()), (0, 150, 0));
    assert_eq!(ground.holders(&sword).await, []);
    assert!(ground.held_by(&all[149]).await.is_empty());
    let again = ground.select(node.next(), &sword, &all[..2]).await;
    assert_eq!(again.verdicts, [granted(152), granted(153)]);
    assert_eq!(ground.holders(&sword).await.len(), 2);
}

async fn a_reset_does_not_touch_other_assets(ground: Ground) {
    let (sword, shield, node) = (asset("sword"), asset("shield"), Node::new());
    for asset in [&sword, &shield] {
        ground.create(node.next(), asset, 2).await;
        ground.select(node.next(), asset, &players(["ann", "bob"])).await;
    }
    let before = ground.state(&shield).await;
    ground.reset(node.next(), &sword).await;
    assert_eq!(ground.state(&shield).await, before);
    assert_eq!(ground.held_by(&player("ann")).await, [(shield, 1)]);
}
