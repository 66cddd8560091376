use asset_arbiter::{
    model::Units,
    store::{StoreErrorKind, Verdict},
};

use super::ground::{Ground, Node, asset, granted, players, refusal, team};

super::properties![
    a_restock_adds_units,
    a_restock_after_denials_adds_just_its_units,
    a_restock_happens_only_at_the_revision_asked_for,
    a_restock_beyond_what_the_store_can_hold_is_refused,
    an_unknown_or_removed_asset_cannot_be_restocked,
];

async fn a_restock_adds_units(ground: Ground) {
    let (sword, node) = ground.sword(2).await;
    ground.select(node.next(), &sword, &players(["ann"])).await;
    let done = ground.restock(node.next(), &sword, 3).await;
    assert!(!done.is_repeat());
    let state = done;
    assert_eq!((state.units, state.remaining, state.revision, state.held), (5, 4, 2, 1));
    assert_eq!(ground.state(&sword).await, *state);
}

async fn a_restock_after_denials_adds_just_its_units(ground: Ground) {
    let (sword, node) = ground.sword(1).await;
    for _ in 0..3 {
        ground.select(node.next(), &sword, &team("p", 20)).await;
    }
    let state = ground.restock(node.next(), &sword, 2).await;
    assert_eq!((state.units, state.remaining, state.revision), (3, 2, 2));
    let selected = ground.select(node.next(), &sword, &players(["ann", "bob", "cat"])).await;
    assert_eq!(selected.verdicts, [granted(3), granted(4), Verdict::SoldOut]);
}

async fn a_restock_happens_only_at_the_revision_asked_for(ground: Ground) {
    let (sword, node) = ground.sword(1).await;
    ground.restock(node.next(), &sword, 1).await;
    let before = ground.state(&sword).await;
    for wrong in [0, 2, u64::MAX] {
        let answer = ground.store.restock(node.next(), &ground.key(&sword), 1, Some(wrong)).await;
        assert_eq!(refusal(answer), StoreErrorKind::Conflict);
        assert_eq!(ground.state(&sword).await, before);
    }
    let done = ground.store.restock(node.next(), &ground.key(&sword), 5, Some(1)).await.unwrap();
    assert_eq!((done.units, done.revision), (7, 2));
}

async fn a_restock_beyond_what_the_store_can_hold_is_refused(ground: Ground) {
    let ((sword, node), most) = (ground.sword(2).await, ground.store.limits().units);
    ground.select(node.next(), &sword, &players(["ann"])).await;
    let before = ground.state(&sword).await;
    for too_many in [Units::MAX, most, most - 1] {
        let answer = ground.store.restock(node.next(), &ground.key(&sword), too_many, None).await;
        assert_eq!(refusal(answer), StoreErrorKind::LimitReached);
        assert_eq!(ground.state(&sword).await, before);
    }
}

async fn an_unknown_or_removed_asset_cannot_be_restocked(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let unknown = ground.store.restock(node.next(), &ground.key(&sword), 1, None).await;
    assert_eq!(refusal(unknown), StoreErrorKind::UnknownAsset);
    assert!(ground.snapshot().await.is_empty(), "nothing was made");
    ground.create(node.next(), &sword, 2).await;
    let tombstone = ground.remove(node.next(), &sword).await;
    for condition in [None, Some(tombstone.revision)] {
        let removed = ground.store.restock(node.next(), &ground.key(&sword), 1, condition).await;
        assert_eq!(refusal(removed), StoreErrorKind::UnknownAsset);
    }
    assert_eq!(ground.state(&sword).await, *tombstone);
}
