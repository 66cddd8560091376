//! The names of a room's assets, which lie beside them, and rooms that are removed while they are used.

use asset_arbiter::model::NewAsset;
use std::slice::from_ref;

use asset_arbiter::store::StoreErrorKind;
use futures::future::{join, join_all};

use crate::{
    conformance::ground::{Ground, Node, asset, players, refusal},
    engines::momento::Fault,
    ground::{index, item, momento, two_sides},
};

/// Whatever a creation and a removal of the room do to each other, no asset is there that a snapshot does not show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_is_shown_also_after_removals() {
    let Some(momento) = momento().await else { return };
    let (ground, other) = two_sides(&momento).await;
    let names: Vec<_> = (0..6).map(|number| asset(&format!("asset-{number}"))).collect();
    for round in 0..30 {
        let create = async |ground: &Ground, name| {
            let created = ground.store.create(Node::new().next(), &ground.key(name), &NewAsset::plain(1)).await;
            assert!(created.is_ok() || round > 0, "{created:?}");
        };
        let creations = join_all(names.iter().map(|name| create(&ground, name)));
        let removals = async {
            for _ in 0..2 {
                other.store.remove_room(&other.room).await.unwrap();
            }
        };
        join(creations, removals).await;
        let shown: Vec<_> = ground.snapshot().await.into_iter().map(|state| state.asset).collect();
        for name in &names {
            let there = ground.store.asset(&ground.key(name)).await.is_ok();
            assert_eq!(there, shown.contains(name), "round {round}: {name}");
        }
    }
}

/// A name that could not be added makes no asset; an asset that could not be made leaves a name that does no harm.
#[tokio::test]
async fn the_name_comes_first() {
    let Some(momento) = momento().await else { return };
    let (ground, _) = two_sides(&momento).await;
    let (sword, node) = (asset("sword"), Node::new());
    momento.next("set_union", Fault::BrokenBefore);
    let call = node.next();
    let create = async || ground.store.create(call, &ground.key(&sword), &NewAsset::plain(1)).await;
    assert_eq!(refusal(create().await), StoreErrorKind::Unavailable, "nothing happened to the asset");
    assert_eq!(momento.left().len(), 0);
    momento.next("set_if", Fault::BrokenBefore);
    assert_eq!(refusal(create().await), StoreErrorKind::OutcomeUnknown);
    assert_eq!(momento.left().len(), 1);
    assert!(ground.snapshot().await.is_empty() && ground.revisions().await.is_empty());
    assert!(create().await.unwrap().created);
    assert_eq!(ground.snapshot().await.len(), 1);
}

/// Names that lost their assets do not stay for ever.
#[tokio::test]
async fn names_without_assets_go_with_the_room() {
    let Some(momento) = momento().await else { return };
    let (ground, _) = two_sides(&momento).await;
    let (node, sword) = (Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    momento.evict(&item(&ground, "sword"));
    ground.store.remove_room(&ground.room).await.unwrap();
    assert_eq!(momento.names(&index(&ground)), Vec::<String>::new());
    assert!(ground.create(node.next(), &sword, 1).await.created);
    assert_eq!(momento.names(&index(&ground)), ["sword"]);
}

#[tokio::test]
async fn a_removal_that_is_broken_off_is_made_again() {
    let Some(momento) = momento().await else { return };
    let (ground, _) = two_sides(&momento).await;
    let (node, [ann]) = (Node::new(), players(["ann"]));
    for fault in [Fault::BrokenBefore, Fault::BrokenAfter, Fault::SwallowedAfter] {
        for name in ["sword", "shield", "bow"].map(asset) {
            ground.create(node.next(), &name, 1).await;
            ground.select(node.next(), &name, from_ref(&ann)).await;
        }
        momento.next("set_if", fault);
        let removed = ground.store.remove_room(&ground.room).await;
        assert_eq!(refusal(removed), StoreErrorKind::OutcomeUnknown, "{fault:?}");
        ground.store.remove_room(&ground.room).await.unwrap();
        assert!(ground.snapshot().await.is_empty() && ground.held_by(&ann).await.is_empty());
    }
}

/// Whoever else writes to the cache: it is named, and nothing panics.
#[tokio::test]
async fn what_is_not_ours_is_named() {
    let Some(momento) = momento().await else { return };
    let (ground, _) = two_sides(&momento).await;
    let (node, sword, contenders) = (Node::new(), asset("sword"), players(["ann"]));
    let one = ground.create(node.next(), &sword, 1).await;
    assert!(one.created);
    for odd in [&b"7"[..], b"\xff\xfe", b"{\"removed\":7}", b"{}"] {
        momento.spoil(&item(&ground, "sword"), odd);
        let selected =
            ground.store.select(node.next(), &ground.key(&sword), &contenders, None).await.unwrap_err();
        let snapshot = ground.store.snapshot(&ground.room).await.unwrap_err();
        let removed = ground.store.remove_room(&ground.room).await.unwrap_err();
        for error in [selected, snapshot, removed] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            let said = error.to_string();
            assert!(said.contains(&format!("asset sword of room {} is not ours", ground.room)), "{said}");
        }
    }
    momento.spoil(&index(&ground), b"no name\n");
    let error = ground.store.revisions(&ground.room).await.unwrap_err();
    assert!(error.to_string().contains(&format!("names in room {} is not ours", ground.room)), "{error}");
}
