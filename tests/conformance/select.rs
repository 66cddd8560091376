use asset_arbiter::{
    model::NewAsset,
    model::limits::BATCH_PLAYERS,
    store::{Selected, StoreErrorKind, Verdict},
};
use std::sync::Arc;

use super::ground::{Ground, Node, already, asset, granted, players, refusal, team};

super::properties![
    first_come_first_served_with_contiguous_revisions,
    selecting_what_one_holds_tells_the_grants_revision,
    a_holder_is_recognised_even_when_all_is_sold_out,
    a_denial_changes_nothing,
    a_full_batch_is_one_step,
    a_batch_of_nobody_changes_nothing,
    an_unknown_asset_cannot_be_selected,
    a_select_creates_what_is_missing if select_creates,
    a_stored_asset_wins_over_the_units_of_a_select,
    a_removed_asset_is_not_revived_by_a_select,
];

async fn first_come_first_served_with_contiguous_revisions(ground: Ground) {
    let (sword, node) = ground.sword(3).await;
    let call = node.next();
    let selected = ground.select(call, &sword, &players(["eve", "dan", "cat", "bob", "ann"])).await;
    assert!(!selected.is_repeat());
    let Selected { verdicts, state } = selected.into_inner();
    assert_eq!(verdicts, [granted(1), granted(2), granted(3), Verdict::SoldOut, Verdict::SoldOut]);
    assert_eq!((state.units, state.remaining, state.revision, state.held), (3, 0, 3, 3));
    let holders: Vec<_> = state.holders.iter().map(|grant| (grant.player.as_str(), grant.revision)).collect();
    assert_eq!(holders, [("eve", 1), ("dan", 2), ("cat", 3)]);
    assert!(state.holders.iter().all(|grant| grant.granted_at == call.at), "the time of the call");
    assert_eq!(ground.state(&sword).await, state);
    assert_eq!(ground.holders(&sword).await, state.holders);
}

async fn selecting_what_one_holds_tells_the_grants_revision(ground: Ground) {
    let ((sword, node), other) = (ground.sword(9).await, Node::new());
    ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
    let before = ground.holders(&sword).await;
    let selected = ground.select(other.next(), &sword, &players(["bob", "cat", "ann"])).await;
    assert_eq!(selected.verdicts, [already(2), granted(3), already(1)]);
    assert!(!selected.is_repeat(), "another call, not a repeat");
    assert_eq!((selected.state.remaining, selected.state.revision), (6, 3));
    assert_eq!(ground.holders(&sword).await[..2], before, "and keeps the grant as it was");
}

async fn a_holder_is_recognised_even_when_all_is_sold_out(ground: Ground) {
    let (sword, node) = ground.sword(1).await;
    ground.select(node.next(), &sword, &players(["ann"])).await;
    let selected = ground.select(node.next(), &sword, &players(["bob", "ann"])).await;
    assert_eq!(selected.verdicts, [Verdict::SoldOut, already(1)]);
}

async fn a_denial_changes_nothing(ground: Ground) {
    let (sword, node) = ground.sword(2).await;
    let before = ground.select(node.next(), &sword, &players(["ann", "bob"])).await.into_inner().state;
    for _ in 0..3 {
        let denied = ground.select(node.next(), &sword, &team("late", 5)).await;
        assert_eq!(denied.verdicts, [Verdict::SoldOut; 5]);
        assert_eq!(denied.state, before);
    }
    assert_eq!(ground.state(&sword).await, before);
}

async fn a_full_batch_is_one_step(ground: Ground) {
    let (sword, node) = ground.sword(100).await;
    let contenders = team("p", BATCH_PLAYERS);
    let selected = ground.select(node.next(), &sword, &contenders).await;
    let winners: Vec<_> = (1..=100).map(granted).collect();
    assert_eq!(selected.verdicts[..100], winners);
    assert!(selected.verdicts[100..].iter().all(|verdict| *verdict == Verdict::SoldOut));
    let holders: Vec<_> = ground.holders(&sword).await.into_iter().map(|grant| grant.player).collect();
    assert_eq!(holders, contenders[..100]);
}

async fn a_batch_of_nobody_changes_nothing(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let before = ground.create(node.next(), &sword, 1).await.into_inner().state;
    assert_eq!(ground.select(node.next(), &sword, &[]).await.state, before);
}

async fn an_unknown_asset_cannot_be_selected(ground: Ground) {
    let (sword, shield, node) = (asset("sword"), asset("shield"), Node::new());
    let ann = players(["ann"]);
    let in_no_room = ground.store.select(node.next(), &ground.key(&sword), &ann, None).await;
    assert_eq!(refusal(in_no_room), StoreErrorKind::UnknownAsset);
    ground.create(node.next(), &shield, 1).await;
    let in_a_room = ground.store.select(node.next(), &ground.key(&sword), &ann, None).await;
    assert_eq!(refusal(in_a_room), StoreErrorKind::UnknownAsset);
    assert_eq!(ground.snapshot().await.len(), 1, "nothing was made");
}

async fn a_select_creates_what_is_missing(ground: Ground) {
    let (sword, shield, node) = (asset("sword"), asset("shield"), Node::new());
    for asset in [&sword, &shield] {
        let contenders = players(["ann", "bob", "cat"]);
        let selected = ground.select_or_create(node.next(), asset, &contenders, Some(2)).await;
        assert_eq!(selected.verdicts, [granted(1), granted(2), Verdict::SoldOut]);
        assert_eq!((selected.state.units, selected.state.revision), (2, 2));
        assert_eq!(ground.state(asset).await, selected.state);
    }
}

async fn a_stored_asset_wins_over_the_units_of_a_select(ground: Ground) {
    let (sword, node) = ground.sword(1).await;
    let selected = ground.select_or_create(node.next(), &sword, &players(["ann", "bob"]), Some(5)).await;
    assert_eq!(selected.verdicts, [granted(1), Verdict::SoldOut]);
    assert_eq!(selected.state.units, 1);
}

async fn a_removed_asset_is_not_revived_by_a_select(ground: Ground) {
    let (sword, node) = ground.sword(1).await;
    let tombstone = ground.remove(node.next(), &sword).await;
    let answer = ground
        .store
        .select(node.next(), &ground.key(&sword), &players(["ann"]), Some(Arc::new(NewAsset::plain(5))))
        .await;
    assert_eq!(refusal(answer), StoreErrorKind::UnknownAsset);
    assert_eq!(ground.state(&sword).await, *tombstone);
}
