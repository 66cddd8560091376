use asset_arbiter::model::EndReason;
use asset_arbiter::store::{StoreErrorKind, Verdict};

use super::ground::{Ground, Node, asset, granted, players, refusal, team};

super::properties![
    a_removed_asset_leaves_a_tombstone,
    only_what_is_there_can_be_removed,
    leftovers_of_an_earlier_life_never_count,
    a_removed_asset_of_many_holders_has_none,
    a_tombstone_does_not_touch_other_assets,
];

async fn a_removed_asset_leaves_a_tombstone(ground: Ground) {
    let ((sword, node), [ann]) = (ground.sword(2).await, players(["ann"]));
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let done = ground.remove(node.next(), &sword).await;
    assert!(!done.is_repeat());
    assert!(done.removed);
    assert_eq!((done.revision, done.held), (2, 0));
    assert_eq!(ground.state(&sword).await, *done);
    assert_eq!(ground.snapshot().await, [done.into_inner()]);
    let rows = ground.revisions().await;
    assert!(rows.len() == 1 && rows[0].removed && rows[0].revision == 2 && rows[0].held == 0, "{rows:?}");
    assert_eq!(refusal(ground.store.holders(&ground.key(&sword), None, 9).await), StoreErrorKind::UnknownAsset);
    assert!(ground.held_by(&ann).await.is_empty());
}

async fn only_what_is_there_can_be_removed(ground: Ground) {
    let (sword, node, other) = (asset("sword"), Node::new(), Node::new());
    let unknown = ground.store.remove_asset(node.next(), &ground.key(&sword)).await;
    assert_eq!(refusal(unknown), StoreErrorKind::UnknownAsset);
    ground.create(node.next(), &sword, 2).await;
    let tombstone = ground.remove(node.next(), &sword).await;
    for call in [node.next(), other.next()] {
        let removed = ground.store.remove_asset(call, &ground.key(&sword)).await;
        assert_eq!(refusal(removed), StoreErrorKind::UnknownAsset);
    }
    assert_eq!(ground.state(&sword).await, *tombstone);
}

/// Most of the first holders have left, so a store that keeps the first ones with the asset is about to read the others.
async fn a_removed_asset_of_many_holders_has_none(ground: Ground) {
    let (sword, node) = (asset("sword"), Node::new());
    let all = team("p", 150);
    ground.create(node.next(), &sword, 1000).await;
    for players in all.chunks(50) {
        ground.select(node.next(), &sword, players).await;
    }
    for player in &all[..110] {
        ground.release(node.next(), &sword, player).await;
    }
    assert_eq!(ground.remove(node.next(), &sword).await.holders, []);
    assert_eq!(ground.state(&sword).await.holders, []);
    assert_eq!(ground.create(node.next(), &sword, 1).await.state.holders, []);
    assert_eq!(ground.holders(&sword).await, []);
}

async fn leftovers_of_an_earlier_life_never_count(ground: Ground) {
    let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
    for life in 0..3 {
        let born = ground.create(node.next(), &sword, 2).await.into_inner().state;
        assert_eq!((born.revision, born.remaining), (life * 5, 2));
        assert!(ground.holders(&sword).await.is_empty() && ground.held_by(&bob).await.is_empty());
        let not_held = ground.store.release(node.next(), &ground.key(&sword), &bob, EndReason::Released).await;
        assert_eq!(refusal(not_held), StoreErrorKind::NotHeld);
        let selected = ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
        assert_eq!(selected.verdicts, [granted(born.revision + 1)], "not held from the life before");
        assert_eq!(ground.held_by(&ann).await, [(sword.clone(), born.revision + 1)]);
        ground.select(node.next(), &sword, std::slice::from_ref(&bob)).await;
        let denied = ground.select(node.next(), &sword, &players(["cat"])).await;
        assert_eq!(denied.verdicts, [Verdict::SoldOut]);
        ground.restock(node.next(), &sword, 7).await;
        assert_eq!(ground.remove(node.next(), &sword).await.revision, born.revision + 4);
    }
}

async fn a_tombstone_does_not_touch_other_assets(ground: Ground) {
    let (sword, shield, node, contenders) =
        (asset("sword"), asset("shield"), Node::new(), players(["ann", "bob"]));
    for asset in [&sword, &shield] {
        ground.create(node.next(), asset, 2).await;
        ground.select(node.next(), asset, &contenders).await;
    }
    let before = ground.state(&shield).await;
    ground.remove(node.next(), &sword).await;
    assert_eq!(ground.state(&shield).await, before);
    assert_eq!(ground.held_by(&contenders[0]).await, [(shield, 1)]);
}
