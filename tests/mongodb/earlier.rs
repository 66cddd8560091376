//! A document as the version before deadlines wrote it.

use mongodb::bson::doc;

use crate::{
    conformance::ground::{player, room},
    ground::{documents, server},
    remote::{earlier::plays_on, outbox::goes_on_with_events, store},
};

#[tokio::test]
async fn a_document_of_the_version_before_is_played_on() {
    let Some(server) = server() else { return };
    store(&server.url()).await;
    let counter = doc! {
        "units": 3_i64, "remaining": 2_i64, "held": 1_i64, "revision": 1_i64, "origin": -77_i64, "creation": 0_i64,
        "created_units": 3_i64, "removed": false,
    };
    let holder = doc! { "p": "ann", "t": 1_700_000_000_000_i64, "r": 1_i64 };
    let sword = doc! {
        "_id": "arena/sword", "room": "arena", "counter": counter, "holders": [holder], "changes": "aa:1",
    };
    documents(&server).await.insert_one(sword).await.unwrap();
    plays_on(&server.url(), room("arena"), 3, &[player("ann")]).await;
    goes_on_with_events(&server.url(), room("arena")).await;
}
