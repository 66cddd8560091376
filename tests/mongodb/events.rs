//! Changes kept as events, in the documents of their assets.

use asset_arbiter::store::Taker;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};

use crate::{
    conformance::ground::{Ground, Node, player, players},
    ground::{documents, server},
    remote::{
        outbox::{
            events_outlive_the_server, keeps_the_contract_with_events, two_nodes_take_turns, with_events,
        },
        store,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ferretdb_with_events_keeps_the_contract() {
    let Some(server) = server() else { return };
    keeps_the_contract_with_events(&server.url()).await;
}

#[tokio::test]
async fn two_nodes_take_turns_on_ferretdb() {
    let Some(server) = server() else { return };
    two_nodes_take_turns(&server.url()).await;
}

#[tokio::test]
async fn events_outlive_a_kill_of_ferretdb() {
    let Some(mut server) = server() else { return };
    let url = server.url();
    events_outlive_the_server(&url, async || server.restart()).await;
}

async fn document(ground: &Ground, documents: &mongodb::Collection<Document>) -> Option<Document> {
    documents.find_one(doc! { "_id": format!("{}/sword", ground.room) }).await.unwrap()
}

/// Takes all events and acknowledges them.
async fn acknowledge_all(ground: &Ground) -> usize {
    let now = Node::new().next().at;
    let taker = Taker { id: fastrand::u64(..), now, until: now + 1 };
    let events = ground.store.take_events(&ground.room, taker, 1000).await.unwrap();
    let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&ground.room, asset)).collect();
    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
    ids.len()
}

/// The document of an asset with events does not expire, and does when they are acknowledged.
#[tokio::test]
async fn a_document_stays_for_its_events_and_goes_with_the_last() {
    let Some(server) = server() else { return };
    let url = format!("{}?ttl=1h", server.url());
    let ground = Ground::new(with_events(&url).await);
    let documents = documents(&server).await;
    let (sword, node) = ground.sword(2).await;
    ground.select(node.next(), &sword, &players(["ann"])).await;
    ground.store.touch(&ground.room, node.next().at).await.unwrap();
    let waits = document(&ground, &documents).await.unwrap();
    assert!(waits.get("expires_at").is_none() && waits.get_array("events").unwrap().len() == 2, "{waits}");
    assert_eq!(waits.get_str("waiting").unwrap(), ground.room.as_str());

    assert_eq!(acknowledge_all(&ground).await, 2);
    let read = document(&ground, &documents).await.unwrap();
    assert!(read.get_datetime("expires_at").is_ok(), "{read}");
    assert!(read.get("events").is_none() && read.get("waiting").is_none(), "{read}");

    ground.release(node.next(), &sword, &player("ann")).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    let gone = document(&ground, &documents).await.unwrap();
    assert!(gone.get_bool("gone").unwrap() && gone.get_array("holders").unwrap().is_empty(), "{gone}");
    assert!(ground.store.asset(&ground.key(&sword)).await.is_err());
    assert!(ground.snapshot().await.is_empty() && ground.revisions().await.is_empty());
    assert_eq!(acknowledge_all(&ground).await, 1);
    assert_eq!(document(&ground, &documents).await, None);
}

/// A node without events leaves those that wait, and a node with events hands them out.
#[tokio::test]
async fn what_waits_survives_a_time_without_events() {
    let Some(server) = server() else { return };
    let ground = Ground::new(with_events(&server.url()).await);
    let (sword, node) = ground.sword(2).await;
    let without = Ground { store: store(&server.url()).await, room: ground.room.clone() };
    without.select(node.next(), &sword, &players(["ann"])).await;
    without.remove(node.next(), &sword).await;
    without.store.remove_room(&ground.room).await.unwrap();
    assert!(without.snapshot().await.is_empty());
    assert_eq!(acknowledge_all(&ground).await, 1, "the creation");
}

#[tokio::test]
async fn rooms_with_events_have_an_index() {
    let Some(server) = server() else { return };
    let indexes = async || -> Vec<Document> {
        let indexes = documents(&server).await.list_indexes().await.unwrap();
        indexes.try_collect::<Vec<_>>().await.unwrap().into_iter().map(|index| index.keys).collect()
    };
    store(&server.url()).await;
    assert!(!indexes().await.contains(&doc! { "waiting": 1 }), "only with events");
    with_events(&server.url()).await;
    assert!(indexes().await.contains(&doc! { "waiting": 1 }));
}
