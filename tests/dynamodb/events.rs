//! Changes kept as events, in items of their own.

use asset_arbiter::{
    model::{AssetEvent, AssetName, EventKind, Millis},
    store::{MARK_MS, Taker},
};
use serde_json::Value;

use crate::{
    conformance::{
        BACKLOG,
        ground::{Ground, Node, players, team},
    },
    engines::dynamodb::{self, Server},
    ground::{APART, servers},
    remote::{
        outbox::{keeps_the_contract_with_events, two_nodes_take_turns, with_events},
        store,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_with_events_keeps_the_contract() {
    for server in servers().await {
        keeps_the_contract_with_events(&server.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_with_events_keeps_the_contract_with_holders_apart() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    keeps_the_contract_with_events(&(server.url() + APART)).await;
}

#[tokio::test]
async fn two_nodes_take_turns_on_dynamodb() {
    for server in servers().await {
        two_nodes_take_turns(&server.url()).await;
    }
}

async fn take(ground: &Ground, now: Millis, limit: usize) -> Vec<(AssetName, AssetEvent)> {
    let taker = Taker { id: fastrand::u64(..), now, until: now + 1 };
    ground.store.take_events(&ground.room, taker, limit).await.unwrap()
}

async fn acknowledge(ground: &Ground, events: &[(AssetName, AssetEvent)]) {
    let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&ground.room, asset)).collect();
    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
}

/// The items of a room's events, and the others that belong to it.
async fn stored(server: &Server, ground: &Ground) -> Vec<Value> {
    let mut items = server.items().await;
    let key = |item: &Value| item["pk"]["S"].as_str().unwrap().to_owned();
    items.retain(|item| key(item) == format!("/events/{}", ground.room) || key(item) == "/waiting");
    assert!(items.iter().all(|item| item.get("expires_at").is_none()), "they never expire: {items:?}");
    items
}

#[tokio::test]
async fn the_events_of_a_write_are_one_item_and_go_one_by_one() {
    for server in servers().await {
        let ground = Ground::new(with_events(&(server.url() + "&ttl=1h")).await);
        let (sword, node) = ground.sword(5).await;
        ground.select(node.next(), &sword, &team("p", 3)).await;
        let items = stored(&server, &ground).await;
        assert_eq!(items.len(), 2, "{items:?}");
        let now = node.next().at;
        let events = take(&ground, now, 10).await;
        let granted: Vec<_> =
            events.iter().filter(|(_, event)| event.kind == EventKind::Granted).cloned().collect();
        assert_eq!((events.len(), granted.len()), (4, 3));
        acknowledge(&ground, &granted[1..2]).await;
        acknowledge(&ground, &granted[1..2]).await;
        let left: Vec<_> =
            take(&ground, now + 1, 10).await.into_iter().map(|(_, event)| event.revision).collect();
        assert_eq!(left, [0, 1, 3]);
        acknowledge(&ground, &events).await;
        let items = stored(&server, &ground).await;
        assert!(items.len() == 1 && items[0]["sk"]["S"] == "/lease", "{items:?}");
    }
}

/// A mark and a lease go when they are old and nothing waits.
#[tokio::test]
async fn a_room_is_marked_once_and_not_for_ever() {
    for server in servers().await {
        let ground = Ground::new(with_events(&server.url()).await);
        let begin = Node::new().next().at;
        for at in [begin, begin + MARK_MS, begin + 5] {
            ground.store.mark(&ground.room, at).await.unwrap();
        }
        let (sword, node) = ground.sword(1).await;
        let late = begin + 10 * MARK_MS;
        let events = take(&ground, late, 10).await;
        assert_eq!(
            (events.len(), stored(&server, &ground).await.len()),
            (1, 3),
            "an event, a lease and a mark"
        );
        acknowledge(&ground, &events).await;
        assert_eq!(take(&ground, begin + 4 * MARK_MS, 10).await, []);
        assert_eq!(stored(&server, &ground).await.len(), 2, "the mark is not old");
        assert_eq!(take(&ground, late, 10).await, []);
        assert_eq!(stored(&server, &ground).await, Vec::<Value>::new());
        ground.select(node.next(), &sword, &players(["ann"])).await;
        assert_eq!(take(&ground, late, 10).await.len(), 1);
    }
}

/// What one transaction cannot merge is merged by the next calls.
#[tokio::test]
async fn many_more_events_than_the_backlog_are_merged() {
    for server in servers().await {
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node) = ground.sword(1).await;
        for _ in 0..150 {
            ground.restock(node.next(), &sword, 1).await;
        }
        let events = take(&ground, node.next().at, 1).await;
        let (_, merged) = &events[0];
        assert_eq!(
            (merged.kind, merged.first, merged.revision),
            (EventKind::Compacted, 0, 151 - BACKLOG as u64)
        );
        assert_eq!(merged.units as u64, merged.revision + 1);
        acknowledge(&ground, &events).await;
        let rest = take(&ground, node.next().at, 1000).await;
        let expected: Vec<_> = (merged.revision + 1..=150).collect();
        assert_eq!(rest.iter().map(|(_, event)| event.revision).collect::<Vec<_>>(), expected);
    }
}

/// As many grants in one call as fit into a transaction, and more.
#[tokio::test]
async fn a_full_transaction_has_room_for_its_events() {
    for server in servers().await {
        let ground = Ground::new(with_events(&(server.url() + "&inline=0")).await);
        let (sword, node) = ground.sword(200).await;
        let selected = ground.select(node.next(), &sword, &team("p", 120)).await;
        assert_eq!(selected.state.held, 120);
        assert_eq!(stored(&server, &ground).await.len(), 3, "the creation, 97 grants and 23");
        let without = Ground { store: store(&(server.url() + "&inline=0")).await, room: ground.room.clone() };
        without.release(node.next(), &sword, &team("p", 1)[0]).await;
        assert_eq!(stored(&server, &ground).await.len(), 3, "a node without events adds none");
    }
}
