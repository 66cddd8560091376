//! Changes kept as events, in the items of their assets.

use std::sync::Arc;

use asset_arbiter::{
    model::{AssetEvent, AssetName, Millis},
    store::{MARK_MS, Taker},
};

use crate::{
    conformance::{
        events_under_faults,
        ground::{Ground, Node, asset, players, team},
        seeds,
    },
    engines::momento::Momento,
    ground::{index, item, momento},
    remote::{
        contract::rough,
        outbox::{keeps_the_contract_with_events, two_nodes_take_turns, with_events},
        patient_with_events,
    },
};

/// The set of marks.
const MARKS: &str = "asset-arbiter/waiting";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn momento_with_events_keeps_the_contract() {
    let Some(momento) = momento().await else { return };
    keeps_the_contract_with_events(&momento.url()).await;
}

/// Requests are broken off, delayed, doubled and refused now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_kept_over_a_rough_cache() {
    if momento().await.is_none() {
        return;
    }
    for seed in seeds(3) {
        let momento = Momento::start().await;
        let store = patient_with_events(&momento.url()).await;
        momento.be_rough(seed);
        events_under_faults(|| Arc::clone(&store), rough(), seed..seed + 1).await;
        assert!(momento.met() > 0, "seed {seed} had no faults");
        momento.settled().await;
    }
}

#[tokio::test]
async fn two_nodes_take_turns_on_momento() {
    let Some(momento) = momento().await else { return };
    two_nodes_take_turns(&momento.url()).await;
}

async fn take(ground: &Ground, now: Millis) -> Vec<(AssetName, AssetEvent)> {
    let taker = Taker { id: fastrand::u64(..), now, until: now + 1 };
    ground.store.take_events(&ground.room, taker, 1000).await.unwrap()
}

async fn acknowledge(ground: &Ground, events: &[(AssetName, AssetEvent)]) {
    let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&ground.room, asset)).collect();
    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
}

/// A mark takes the place of the one before it, and goes when it is old and nothing waits.
#[tokio::test]
async fn a_room_is_marked_once_and_not_for_ever() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(with_events(&momento.url()).await);
    let begin = Node::new().next().at / MARK_MS * MARK_MS;
    let mark = |turns: u64| format!("{}/{}", ground.room, begin / MARK_MS + turns);
    for turns in [0, 0, 1, 2] {
        ground.store.mark(&ground.room, begin + turns * MARK_MS).await.unwrap();
    }
    assert_eq!(momento.names(MARKS), [mark(2)]);
    ground.sword(1).await;
    let late = begin + 8 * MARK_MS;
    let events = take(&ground, late).await;
    assert_eq!((events.len(), momento.names(MARKS)), (1, vec![mark(2)]), "something waits");
    acknowledge(&ground, &events).await;
    assert_eq!(take(&ground, begin + 6 * MARK_MS).await, []);
    assert_eq!(momento.names(MARKS), [mark(2)], "it is not old");
    assert_eq!(take(&ground, late).await, []);
    assert!(momento.names(MARKS).is_empty());
    assert_eq!(ground.store.waiting_rooms(None, 10).await.unwrap(), []);
}

/// A tombstone takes the place of an asset that is gone when its last event is acknowledged, and its name is kept until then.
#[tokio::test]
async fn an_item_stays_for_its_events() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(with_events(&momento.url()).await);
    let (sword, node) = ground.sword(1).await;
    ground.store.remove_room(&ground.room).await.unwrap();
    assert!(ground.snapshot().await.is_empty() && ground.store.asset(&ground.key(&sword)).await.is_err());
    assert_eq!(momento.names(&index(&ground)), ["sword"]);
    let events = take(&ground, node.next().at).await;
    assert_eq!(events.len(), 1);
    let ttl = |key: &str| momento.left().into_iter().find(|(left, _)| left == key).unwrap().1;
    assert!(ttl(&item(&ground, "sword")).as_secs() > 3600, "as an asset's");
    acknowledge(&ground, &events).await;
    assert!(ttl(&item(&ground, "sword")).as_secs() <= 60, "as a tombstone's");
}

/// Consistent reads count six times, and every other request once.
#[tokio::test]
async fn events_cost_a_change_nothing_and_a_mark_two_requests() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(with_events(&momento.url()).await);
    let (sword, node) = (asset("sword"), Node::new());
    let before = momento.operations();
    ground.store.mark(&ground.room, node.next().at).await.unwrap();
    assert_eq!(momento.operations() - before, 2);
    ground.create(node.next(), &sword, 128).await;
    let before = momento.operations();
    ground.select(node.next(), &sword, &team("p", 128)).await;
    assert_eq!(momento.operations() - before, 7, "as without events");
    let before = momento.operations();
    ground.select(node.next(), &sword, &players(["late"])).await;
    assert_eq!(momento.operations() - before, 6, "as without events");
}
