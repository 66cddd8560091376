//! Events on a real server.

use std::{collections::BTreeMap, sync::Arc};

use asset_arbiter::{
    model::{AssetEvent, AssetName, EventKind, Millis, RoomName},
    store::{Options, Store, Taker},
};
use futures::future::join;

use super::{contract::rough, store_with};
use crate::conformance::{
    BACKLOG, HISTORY, events_under_faults,
    ground::{Ground, Node, asset, player, players},
    seeds, suite_with_events,
};

pub const WITH_EVENTS: Options =
    Options { room_ttl: None, max_assets: None, events_backlog: Some(BACKLOG), history: Some(HISTORY) };

/// A store that keeps changes as events.
pub async fn with_events(url: &str) -> Arc<dyn Store> {
    store_with(url, WITH_EVENTS).await
}

/// Everything that is asked of a store with events.
pub async fn keeps_the_contract_with_events(url: &str) {
    let store = with_events(url).await;
    suite_with_events(|| Arc::clone(&store)).await;
    events_under_faults(|| Arc::clone(&store), rough(), seeds(2)).await;
}

const LEASE: Millis = 30_000;

fn taker(id: u64, now: Millis) -> Taker {
    Taker { id, now, until: now + LEASE }
}

/// The ids of events that were taken.
async fn acknowledge(ground: &Ground, events: &[(AssetName, AssetEvent)]) {
    let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&ground.room, asset)).collect();
    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
}

/// The events of a room that is nobody's, for a taker who keeps them.
async fn taken(ground: &Ground, limit: usize) -> Vec<(AssetName, AssetEvent)> {
    let taker = taker(fastrand::u64(..), Node::new().next().at);
    ground.store.take_events(&ground.room, taker, limit).await.unwrap()
}

fn revisions(events: &[(AssetName, AssetEvent)]) -> Vec<u64> {
    events.iter().map(|(_, event)| event.revision).collect()
}

/// Two nodes change the assets of a room and take its events: each event goes to one of them, in order, while the other waits.
pub async fn two_nodes_take_turns(url: &str) {
    let first = Ground::new(with_events(url).await);
    let second = Ground { store: with_events(url).await, room: first.room.clone() };
    let (sword, node) = (asset("sword"), Node::new());
    for ground in [&first, &second] {
        ground.store.mark(&ground.room, node.next().at).await.unwrap();
    }
    first.create(node.next(), &sword, 1).await;
    second.create(Node::new().next(), &asset("axe"), 1).await;
    let listed = second.store.waiting_rooms(None, 10_000).await.unwrap();
    assert!(listed.contains(&first.room), "{listed:?}");

    let in_hand = taken(&first, 1).await;
    assert_eq!((in_hand.len(), taken(&second, 10).await), (1, Vec::new()), "the other has the room");
    acknowledge(&second, &in_hand).await;
    assert_eq!(taken(&second, 1).await.len(), 1, "whoever acknowledges, the room is free");

    let got = parking_lot::Mutex::new(BTreeMap::<AssetName, Vec<u64>>::new());
    let play = async |ground: &Ground, name: &str| {
        let node = Node::new();
        for _ in 1..BACKLOG / 2 {
            ground.restock(node.next(), &asset(name), 1).await;
            ground.restock(node.next(), &sword, 1).await;
        }
    };
    let read = async |ground: &Ground, until: &std::cell::Cell<bool>| {
        let mut clock = Node::new().next().at + 2 * LEASE;
        loop {
            let was_over = until.get();
            // What nobody acknowledged is handed out again later.
            clock += 1;
            let events =
                ground.store.take_events(&ground.room, taker(fastrand::u64(..), clock), 3).await.unwrap();
            for (name, event) in &events {
                got.lock().entry(name.clone()).or_default().push(event.revision);
            }
            acknowledge(ground, &events).await;
            if events.is_empty() && was_over {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let over = std::cell::Cell::new(false);
    let play = async {
        join(play(&first, "axe"), play(&second, "axe")).await;
        over.set(true);
    };
    join(play, join(read(&first, &over), read(&second, &over))).await;
    let got = got.into_inner();
    let expected: Vec<_> = (0..BACKLOG as u64 - 1).collect();
    // The first events of both were taken above, and one of them was acknowledged.
    for (name, revisions) in [("axe", &got[&asset("axe")]), ("sword", &got[&sword])] {
        let from = revisions[0];
        assert!(from <= 1, "{name}: {revisions:?}");
        assert_eq!(revisions[..], expected[from as usize..], "{name}");
    }
}

/// What the version before events wrote is read on, and its next change is an event.
pub async fn goes_on_with_events(url: &str, room: RoomName) {
    let ground = Ground { store: with_events(url).await, room };
    let (sword, node) = (asset("sword"), Node::new());
    ground.store.mark(&ground.room, node.next().at).await.unwrap();
    let before = ground.state(&sword).await;
    ground.restock(node.next(), &sword, 1).await;
    let events = taken(&ground, 10).await;
    let [(name, event)] = &events[..] else { panic!("other events: {events:?}") };
    assert_eq!((name, event.kind, event.revision), (&sword, EventKind::Restocked, before.revision + 1));
    assert_eq!((event.origin, event.units), (before.origin, before.units + 1));
    acknowledge(&ground, &events).await;
    assert_eq!(taken(&ground, 10).await, []);
}

/// Events are there again after the server was killed and started again.
pub async fn events_outlive_the_server(url: &str, restart: impl AsyncFnOnce()) {
    let ground = Ground::new(with_events(url).await);
    let (sword, node) = (asset("sword"), Node::new());
    ground.store.mark(&ground.room, node.next().at).await.unwrap();
    ground.create(node.next(), &sword, 3).await;
    ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
    let first = taken(&ground, 1).await;
    acknowledge(&ground, &first).await;
    restart().await;
    let again = Ground { store: with_events(url).await, room: ground.room.clone() };
    assert!(again.store.waiting_rooms(None, 10_000).await.unwrap().contains(&ground.room));
    let events = taken(&again, 10).await;
    assert_eq!((revisions(&first), revisions(&events)), (vec![0], vec![1, 2]));
    assert_eq!(events[1].1.player, Some(player("bob")));
}
