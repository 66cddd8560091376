//! What a document can hold, and what it is called.

use asset_arbiter::model::NewAsset;
use asset_arbiter::store::StoreErrorKind;
use mongodb::bson::doc;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, player, players, refusal, room, team},
    ground::{documents, server},
    remote::store,
};

#[tokio::test]
async fn a_full_asset_fits_and_one_more_unit_does_not() {
    let Some(server) = server() else { return };
    let ground = Ground::new(store(&server.url()).await);
    let (sword, node, most) = (asset("sword"), Node::new(), ground.store.limits().units);
    assert_eq!(most, 10_000);
    let answer = ground.store.create(node.next(), &ground.key(&sword), &NewAsset::plain(most + 1)).await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::LimitReached);
    assert!(error.to_string().contains("cannot have more than 10000 units in this store"), "{error}");
    ground.create(node.next(), &sword, most).await;
    for batch in team(&"|".repeat(123), most as usize).chunks(1000) {
        ground.select(node.next(), &sword, batch).await;
    }
    let state = ground.state(&sword).await;
    assert_eq!((state.held, state.remaining), (most, 0));
    let one_more = ground.store.restock(node.next(), &ground.key(&sword), 1, None).await;
    assert_eq!(refusal(one_more), StoreErrorKind::LimitReached);
    let last = player(&format!("{}-9999", "|".repeat(123)));
    assert_eq!(ground.held_by(&last).await, [(sword.clone(), 10_000)]);
    ground.release(node.next(), &sword, &last).await;
    assert_eq!(ground.select(node.next(), &sword, &players(["ann"])).await.verdicts, [granted(10_002)]);
}

/// Names are values, and never the names of fields.
#[tokio::test]
async fn names_with_dots_and_of_any_case_are_kept_apart() {
    let Some(server) = server() else { return };
    let store = store(&server.url()).await;
    let node = Node::new();
    for name in ["a.b", "a", "A.b", "..a", "a..", "holders.0", "__proto__", "_id", "-.:_"] {
        let (ground, thing) = (Ground { store: store.clone(), room: room(name) }, asset(name));
        ground.create(node.next(), &thing, 2).await;
        let selected = ground.select(node.next(), &thing, &[player(name), player("ann")]).await;
        assert_eq!(selected.verdicts, [granted(1), granted(2)], "{name}");
        ground.release(node.next(), &thing, &player("ann")).await;
        assert_eq!(ground.held_by(&player(name)).await, [(thing.clone(), 1)], "{name}");
        let shown: Vec<_> = ground.snapshot().await.into_iter().map(|state| state.asset).collect();
        assert_eq!(shown, [thing]);
    }
}

/// Whoever else writes to the collection: it is named, and nothing panics.
#[tokio::test]
async fn what_is_not_ours_is_named() {
    let Some(server) = server() else { return };
    let ground = Ground::new(store(&server.url()).await);
    let (sword, node, contenders) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    let documents = documents(&server).await;
    for odd in [
        doc! { "counter": 7 },
        doc! { "counter.remaining": 5_i64 },
        doc! { "counter.revision": "three" },
        doc! { "changes": "zz" },
        doc! { "holders": [{ "p": "no name!", "t": 1_i64, "r": 1_i64 }] },
    ] {
        let as_it_was = documents.find_one(doc! { "room": ground.room.as_str() }).await.unwrap().unwrap();
        documents
            .update_one(doc! { "room": ground.room.as_str() }, doc! { "$set": odd.clone() })
            .await
            .unwrap();
        let selected =
            ground.store.select(node.next(), &ground.key(&sword), &contenders, None).await.unwrap_err();
        let snapshot = ground.store.snapshot(&ground.room).await.unwrap_err();
        for error in [selected, snapshot] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{odd}");
            let said = error.to_string();
            assert!(
                said.contains("is not ours") && said.contains("sword") && !said.contains('\n'),
                "{odd}: {said}"
            );
        }
        documents.replace_one(doc! { "_id": as_it_was.get_str("_id").unwrap() }, as_it_was).await.unwrap();
        assert_eq!(ground.snapshot().await.len(), 1);
    }
}
