use asset_arbiter::model::EndReason;
use asset_arbiter::store::{StoreErrorKind, Verdict};

use super::ground::{Ground, Node, asset, granted, players, refusal, team};

super::properties![
    a_release_gives_the_unit_back,
    a_released_unit_goes_to_the_next_who_asks,
    only_a_holder_can_release,
    an_unknown_or_removed_asset_cannot_be_released,
    every_unit_can_be_given_back,
];

async fn a_release_gives_the_unit_back(ground: Ground) {
    let ((sword, node), [ann, bob]) = (ground.sword(2).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, &[ann.clone(), bob.clone()]).await;
    let done = ground.release(node.next(), &sword, &ann).await;
    assert!(!done.is_repeat());
    assert_eq!((done.units, done.remaining, done.revision), (2, 1, 3));
    let holders: Vec<_> = done.holders.iter().map(|grant| (&grant.player, grant.revision)).collect();
    assert_eq!(holders, [(&bob, 2)], "the other keeps its grant");
    assert_eq!(ground.state(&sword).await, *done);
    assert_eq!(ground.holders(&sword).await, done.holders);
}

async fn a_released_unit_goes_to_the_next_who_asks(ground: Ground) {
    let ((sword, node), [ann, bob]) = (ground.sword(1).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    for _ in 0..3 {
        let denied = ground.select(node.next(), &sword, &team("late", 9)).await;
        assert_eq!(denied.verdicts, [Verdict::SoldOut; 9]);
    }
    let freed = ground.release(node.next(), &sword, &ann).await;
    assert_eq!(freed.remaining, 1, "however many were denied");
    let selected = ground.select(node.next(), &sword, &[bob.clone(), ann.clone()]).await;
    assert_eq!(selected.verdicts, [granted(3), Verdict::SoldOut]);
    ground.release(node.next(), &sword, &bob).await;
    let again = ground.select(node.next(), &sword, &[ann]).await;
    assert_eq!(again.verdicts, [granted(5)], "a new grant, not the old one");
}

async fn only_a_holder_can_release(ground: Ground) {
    let ((sword, node), [ann, bob]) = (ground.sword(2).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let before = ground.state(&sword).await;
    let never_held = ground.store.release(node.next(), &ground.key(&sword), &bob, EndReason::Released).await;
    assert_eq!(refusal(never_held), StoreErrorKind::NotHeld);
    assert_eq!(ground.state(&sword).await, before);
    let released = ground.release(node.next(), &sword, &ann).await;
    let held_no_more = ground.store.release(node.next(), &ground.key(&sword), &ann, EndReason::Released).await;
    assert_eq!(refusal(held_no_more), StoreErrorKind::NotHeld);
    assert_eq!(ground.state(&sword).await, *released);
}

async fn an_unknown_or_removed_asset_cannot_be_released(ground: Ground) {
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    let unknown = ground.store.release(node.next(), &ground.key(&sword), &ann, EndReason::Released).await;
    assert_eq!(refusal(unknown), StoreErrorKind::UnknownAsset);
    ground.create(node.next(), &sword, 2).await;
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let tombstone = ground.remove(node.next(), &sword).await;
    let removed = ground.store.release(node.next(), &ground.key(&sword), &ann, EndReason::Released).await;
    assert_eq!(refusal(removed), StoreErrorKind::UnknownAsset);
    assert_eq!(ground.state(&sword).await, *tombstone);
}

async fn every_unit_can_be_given_back(ground: Ground) {
    let ((sword, node), contenders) = (ground.sword(40).await, team("p", 40));
    ground.select(node.next(), &sword, &contenders).await;
    for (given_back, player) in (1..).zip(&contenders) {
        let state = ground.release(node.next(), &sword, player).await;
        assert_eq!((state.remaining, state.revision), (given_back, 40 + u64::from(given_back)));
    }
    assert!(ground.holders(&sword).await.is_empty());
}
