//! Rooms that nobody uses go.

use std::time::Duration;

use asset_arbiter::model::RoomName;
use futures::TryStreamExt;
use mongodb::bson::{DateTime, doc};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players},
    engines::mongodb::Server,
    ground::{documents, server},
    remote::{expiry::the_url_goes_before_the_flag, store},
};

/// As if the server had not been used for so long.
async fn let_time_go_by(server: &Server, room: &RoomName) {
    let past = doc! { "$set": { "expires_at": DateTime::from_millis(1_000) } };
    let changed = documents(server).await.update_many(doc! { "room": room.as_str() }, past).await.unwrap();
    assert!(changed.matched_count > 0);
}

/// The server's own sweep comes once a minute; until then what is over is not shown, and not brought back.
#[tokio::test]
async fn what_is_over_is_not_there_whether_it_was_swept_or_not() {
    let Some(server) = server() else { return };
    let ground = Ground::new(store(&format!("{}?ttl=1h", server.url())).await);
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 2).await;
    ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    let_time_go_by(&server, &ground.room).await;

    ground.store.touch(&ground.room, node.next().at).await.unwrap();
    assert!(ground.snapshot().await.is_empty() && ground.revisions().await.is_empty());
    assert!(ground.held_by(&ann).await.is_empty());
    assert!(ground.store.asset(&ground.key(&sword)).await.is_err());
    let anew = ground.create(node.next(), &sword, 7).await;
    assert!(anew.created && anew.state.units == 7, "{anew:?}");
    let selected = ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    assert_eq!(selected.verdicts, [granted(1)]);
}

/// Each change and each note that the room is in use puts it off.
#[tokio::test]
async fn a_room_that_is_used_stays() {
    let Some(server) = server() else { return };
    let store = store(&format!("{}?ttl=1h", server.url())).await;
    let (sword, node) = (asset("sword"), Node::new());
    let (kept, changed) = (Ground::new(store.clone()), Ground::new(store));
    let now = node.next().at;
    for ground in [&kept, &changed] {
        ground.create(node.next(), &sword, 1).await;
        let soon = doc! { "$set": { "expires_at": DateTime::from_millis(now as i64 + 30_000) } };
        documents(&server).await.update_many(doc! { "room": ground.room.as_str() }, soon).await.unwrap();
    }
    kept.store.touch(&kept.room, now).await.unwrap();
    changed.restock(node.next(), &sword, 1).await;
    for ground in [kept, changed] {
        let found =
            documents(&server).await.find_one(doc! { "room": ground.room.as_str() }).await.unwrap().unwrap();
        let at = found.get_datetime("expires_at").unwrap().timestamp_millis();
        assert!(at >= now as i64 + 3_600_000, "{at}");
    }
}

/// It is the server that throws away what is over.
#[tokio::test]
async fn the_server_sweeps_by_itself_and_has_an_index_of_rooms() {
    let Some(server) = server() else { return };
    store(&server.url()).await;
    let indexes: Vec<_> = documents(&server).await.list_indexes().await.unwrap().try_collect().await.unwrap();
    let with = |key: &str| indexes.iter().find(|index| index.keys == doc! { key: 1 });
    assert!(with("room").is_some(), "{indexes:?}");
    let sweep = with("expires_at").and_then(|index| index.options.as_ref()?.expire_after);
    assert_eq!(sweep, Some(Duration::ZERO), "{indexes:?}");
}

#[tokio::test]
async fn what_the_url_says_goes_before_what_the_flag_says() {
    the_url_goes_before_the_flag("mongodb://127.0.0.1/game");
}
