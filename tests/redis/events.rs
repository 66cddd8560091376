//! The changes that the store keeps as events.

use std::{
    collections::BTreeMap,
    slice::from_ref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::{
    model::{AssetEvent, AssetName, Millis},
    store::{Call, MARK_MS, Options, Store, StoreErrorCause, Taker, open},
};
use futures::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    conformance::{
        BACKLOG, HISTORY, events_under_faults,
        ground::{Ground, Node, asset, players, team},
        likeness::answers_as_the_rules_do,
        seeds, suite_with_events,
    },
    engines::{
        cluster::Cluster,
        eventually,
        redis::{self, DURABLE, Server},
    },
    ground::{engines, servers},
    remote::{FOR_EVER, contract::rough, store, store_with},
    support::{Process, call},
};

const LEASE: Millis = 30_000;
const EVENTS: Options = Options { events_backlog: Some(BACKLOG), history: Some(HISTORY), ..FOR_EVER };

async fn with_events(url: &str) -> Arc<dyn Store> {
    store_with(url, EVENTS).await
}

/// A taker who asks at a time.
fn taker(id: u64, now: Millis) -> Taker {
    Taker { id, now, until: now + LEASE }
}

async fn take(ground: &Ground, taker: Taker, limit: usize) -> Vec<(AssetName, AssetEvent)> {
    ground.store.take_events(&ground.room, taker, limit).await.unwrap()
}

async fn acknowledge(ground: &Ground, events: &[(AssetName, AssetEvent)]) {
    let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(&ground.room, asset)).collect();
    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
}

fn revisions(events: &[(AssetName, AssetEvent)]) -> Vec<u64> {
    events.iter().map(|(_, event)| event.revision).collect()
}

/// How often each command was called by this server's scripts and clients.
fn calls(server: &Server) -> BTreeMap<String, u64> {
    let stats: String = server.ask(&["INFO", "commandstats"]);
    let of_line = |line: &str| {
        let (command, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((command.to_owned(), stats.split(',').next()?.parse().ok()?))
    };
    stats.lines().filter_map(of_line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_events_a_server_of_every_kind_keeps_the_contract() {
    for server in servers() {
        let store = with_events(&server.url()).await;
        suite_with_events(|| Arc::clone(&store)).await;
        events_under_faults(|| Arc::clone(&store), rough(), seeds(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_events_a_cluster_keeps_the_contract_also_with_replicas_to_wait_for() {
    let Some(engine) = redis::redis() else { return };
    for (masters, replicas, options) in [(3, 0, ""), (1, 1, "?wait=1")] {
        let cluster = Cluster::start(&engine, masters, replicas).await;
        let store = with_events(&format!("{}{options}", cluster.url())).await;
        suite_with_events(|| Arc::clone(&store)).await;
    }
}

#[tokio::test]
async fn with_events_the_scripts_answer_as_the_rules_do() {
    for server in servers() {
        answers_as_the_rules_do(&with_events(&server.url()).await, 50).await;
    }
}

/// Both nodes change the same assets while both take events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_take_turns_get_each_event_once_and_in_order() {
    for server in servers() {
        let first = Ground::new(with_events(&server.url()).await);
        let second = Ground { store: with_events(&server.url()).await, ..first.clone() };
        let assets = [asset("axe"), asset("sword")];
        let now = Node::new().next().at;
        first.store.mark(&first.room, now).await.unwrap();
        for name in &assets {
            first.create(Node::new().next(), name, 1).await;
        }
        let (is_over, taken) = (AtomicBool::new(false), Mutex::new(BTreeMap::<AssetName, Vec<u64>>::new()));
        let change = async |ground: &Ground| {
            let node = Node::new();
            for name in assets.iter().cycle().take(BACKLOG - 2) {
                ground.restock(node.next(), name, 1).await;
            }
        };
        let take_all = async |ground: &Ground, turns: &mut u32| {
            loop {
                let was_over = is_over.load(Relaxed);
                let events = take(ground, taker(fastrand::u64(..), now), 3).await;
                for (name, event) in &events {
                    taken.lock().entry(name.clone()).or_default().push(event.revision);
                }
                acknowledge(ground, &events).await;
                *turns += u32::from(!events.is_empty());
                if events.is_empty() && was_over {
                    return;
                }
            }
        };
        let changes = async {
            tokio::join!(change(&first), change(&second));
            is_over.store(true, Relaxed);
        };
        let mut turns = [0; 2];
        let [of_first, of_second] = &mut turns;
        tokio::join!(changes, take_all(&first, of_first), take_all(&second, of_second));
        let expected: Vec<_> = (0..BACKLOG as u64 - 1).collect();
        for name in &assets {
            assert_eq!(taken.lock()[name], expected, "of {name} in {turns:?} turns");
        }
        assert!(turns.iter().all(|turns| *turns > 0), "{turns:?}");
    }
}

#[tokio::test]
async fn events_their_lease_and_their_mark_outlast_a_kill() {
    for engine in engines() {
        let mut server = engine.start_with(&DURABLE);
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node, now) = (asset("sword"), Node::new(), Node::new().next().at);
        ground.store.mark(&ground.room, now).await.unwrap();
        ground.create(node.next(), &sword, 2).await;
        ground.select(node.next(), &sword, &team("p", 2)).await;
        let first = take(&ground, taker(1, now), 1).await;
        server.process.kill();
        server.restart();
        let rooms = async || ground.store.waiting_rooms(None, 9).await.ok();
        assert_eq!(eventually("the server to be back", rooms).await, from_ref(&ground.room));
        assert_eq!(take(&ground, taker(2, now), 9).await, [], "the other has them");
        assert_eq!(take(&ground, taker(1, now), 1).await, first);
        acknowledge(&ground, &first).await;
        assert_eq!(revisions(&take(&ground, taker(2, now), 9).await), [1, 2]);
    }
}

/// Such records name the call that created them.
#[tokio::test]
async fn events_of_records_of_earlier_versions_are_in_order_and_acknowledged() {
    for server in servers() {
        for (words, origin) in [
            ("00000000000000a0-0000000000000007", 0xa7),
            ("00000000ffffffff-0000000000000001", 0x1_0000_0000),
            ("fffffffffffffffe-0000000000000005", 3),
        ] {
            let ground = Ground::new(with_events(&server.url()).await);
            let (sword, node) = (asset("sword"), Node::new());
            let record = format!("3 3 3 7 live {words}");
            server.ask::<()>(&["HSET", &format!("asset-arbiter:{{{}}}:assets", ground.room), "sword", &record]);
            ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
            ground.remove(node.next(), &sword).await;
            assert!(ground.create(node.next(), &sword, 1).await.created);
            let events = take(&ground, taker(1, 0), 9).await;
            assert_eq!(revisions(&events), [8, 9, 10, 11]);
            let state = ground.state(&sword).await;
            assert!(events.iter().all(|(_, event)| event.origin == origin && event.origin == state.origin));
            acknowledge(&ground, &events).await;
            assert_eq!(take(&ground, taker(2, 0), 9).await, []);
        }
    }
}

#[tokio::test]
async fn events_outlive_their_room_and_leave_nothing_once_they_are_acknowledged() {
    for server in servers() {
        let options = Options { room_ttl: Some(Duration::from_secs(100)), ..EVENTS };
        let ground = Ground::new(store_with(&server.url(), options).await);
        let (sword, node, now) = (asset("sword"), Node::new(), Node::new().next().at);
        let left = || {
            let mut keys: Vec<String> = server.ask(&["KEYS", "*"]);
            keys.sort_unstable();
            keys.retain(|key| !key.contains(":history:"));
            let left = |key: &String| (key.rsplit(':').next().unwrap().to_owned(), server.ask(&["PTTL", key]));
            keys.iter().map(left).collect::<Vec<(_, i64)>>()
        };
        let for_ever = |names: &[&str]| names.iter().map(|&name| (name.to_owned(), -1)).collect::<Vec<_>>();
        ground.store.mark(&ground.room, now).await.unwrap();
        ground.create(node.next(), &sword, 1).await;
        ground.select(node.next(), &sword, &players(["ann"])).await;
        ground.store.touch(&ground.room, now).await.unwrap();
        let (kept, expiring): (Vec<_>, Vec<_>) = left().into_iter().partition(|(_, left)| *left == -1);
        assert_eq!((kept, expiring.len()), (for_ever(&["events", "marks"]), 4));
        ground.store.remove_room(&ground.room).await.unwrap();
        assert_eq!(left(), for_ever(&["events", "marks"]));

        let events = take(&ground, taker(1, now), 9).await;
        assert_eq!((revisions(&events), left().len()), (vec![0, 1], 3));
        acknowledge(&ground, &events).await;
        acknowledge(&ground, &events).await;
        assert_eq!(left(), for_ever(&["marks"]), "changes may be on their way");
        assert_eq!(take(&ground, taker(2, now + 3 * MARK_MS), 9).await, []);
        assert_eq!(left(), []);
    }
}

#[tokio::test]
async fn a_mark_is_forgotten_when_it_is_old_and_no_event_waits() {
    for server in servers() {
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node, now) = (asset("sword"), Node::new(), 1_795_000_000_000);
        let mark = async |at| ground.store.mark(&ground.room, at).await.unwrap();
        let is_marked = async |at| {
            take(&ground, taker(fastrand::u64(..), at), 9).await;
            ground.store.waiting_rooms(None, 9).await.unwrap() == from_ref(&ground.room)
        };
        mark(now).await;
        assert!(is_marked(now + 3 * MARK_MS - 1).await);
        mark(now + 5).await;
        mark(now).await;
        assert!(is_marked(now + 3 * MARK_MS + 4).await, "the latest counts, by whichever clock");
        assert!(!is_marked(now + 3 * MARK_MS + 5).await);
        mark(now).await;
        ground.create(node.next(), &sword, 1).await;
        assert!(is_marked(now + 9 * MARK_MS).await, "an event waits");
    }
}

/// As long as no events are merged.
#[tokio::test]
async fn events_cost_two_commands_of_a_change_and_nothing_when_they_are_off() {
    for server in servers() {
        let cost = async |store: Arc<dyn Store>| {
            let ground = Ground::new(store);
            let (sword, node) = (asset("sword"), Node::new());
            ground.create(node.next(), &sword, 100).await;
            ground.select(node.next(), &sword, &team("warm", 1)).await;
            let before = calls(&server);
            ground.select(node.next(), &sword, &team("p", BACKLOG - 2)).await;
            let mut cost = calls(&server);
            for (command, count) in &mut cost {
                *count -= before.get(command).copied().unwrap_or_default();
            }
            // What the test itself asks for.
            cost.retain(|command, count| {
                *count > 0 && !["info", "hello", "client|setinfo"].contains(&&command[..])
            });
            cost
        };
        let off = cost(store(&server.url()).await).await;
        let on = cost(with_events(&server.url()).await).await;
        let more: BTreeMap<_, _> = on
            .iter()
            .map(|(command, count)| (command.as_str(), count - off.get(command).copied().unwrap_or_default()))
            .filter(|(_, more)| *more > 0)
            .collect();
        assert_eq!(more, BTreeMap::from([("zadd", 1), ("zlexcount", 1)]), "for {off:?}");
        assert_eq!(off["evalsha"], 1);
    }
}

#[tokio::test]
async fn without_events_nothing_is_marked_and_nothing_is_kept() {
    for server in servers() {
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node) = (asset("sword"), Node::new());
        assert!(!ground.store.keeps_events() && !ground.store.needs_marks());
        ground.store.mark(&ground.room, node.next().at).await.unwrap();
        ground.create(node.next(), &sword, 1).await;
        ground.select(node.next(), &sword, &players(["ann"])).await;
        assert_eq!(take(&ground, taker(1, 0), 9).await, []);
        ground.store.acknowledge(&ground.room, &[], node.next().at).await.unwrap();
        assert_eq!(server.ask::<usize>(&["DBSIZE"]), 4, "the keys of the room");
    }
}

#[tokio::test]
async fn a_probe_covers_the_commands_that_events_need() {
    for server in servers() {
        let user = ["ACL", "SETUSER", "app", "on", ">pw", "~asset-arbiter:*", "+@all", "-zlexcount"];
        server.ask::<()>(&user);
        let url = server.url().replace("redis://", "redis://app:pw@");
        let (off, on) = (open(&url, FOR_EVER).unwrap(), open(&url, EVENTS).unwrap());
        eventually("the store without events to take a change", async || off.ping().await.ok()).await;
        assert_eq!(on.ping().await.unwrap_err().cause(), StoreErrorCause::NoPermission);
        server.ask::<()>(&["ACL", "SETUSER", "app", "+zlexcount"]);
        on.ping().await.unwrap();
        assert_eq!(server.ask::<usize>(&["DBSIZE"]), 0, "a probe leaves nothing");
    }
}

#[tokio::test]
async fn a_history_expires_and_is_trimmed_when_events_are_acknowledged() {
    for server in servers() {
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node) = ground.sword(1).await;
        let (now, age) = (node.next().at, HISTORY.age.as_millis() as Millis);
        let key = format!("asset-arbiter:{{{}}}:history:{sword}", ground.room);
        let acknowledge_at = async |now| {
            let events = take(&ground, taker(1, now), 99).await;
            let ids: Vec<_> = events.iter().map(|(name, event)| event.id(&ground.room, name)).collect();
            ground.store.acknowledge(&ground.room, &ids, now).await.unwrap();
            server.ask::<usize>(&["ZCARD", &key])
        };
        ground.restock(node.next(), &sword, 1).await;
        assert_eq!(acknowledge_at(now).await, 2);
        let left = server.ask::<i64>(&["PTTL", &key]);
        assert!((1..=age as i64).contains(&left), "{left}");
        for _ in 0..2 {
            ground.restock(Call { at: now + age, ..node.next() }, &sword, 1).await;
        }
        assert_eq!(acknowledge_at(now + age + 9).await, 2, "the new ones");
        ground.store.remove_room(&ground.room).await.unwrap();
        assert_eq!(server.ask::<usize>(&["DBSIZE"]), 1, "the history outlives the room");
    }
}

/// The program itself: what one node changes is read and acknowledged on the other.
#[tokio::test]
async fn the_events_of_one_node_are_read_on_the_other() {
    for server in servers() {
        let flags = ["--store", &server.url(), "--events", "on"];
        let (here, there) = (Process::start(&flags).await, Process::start(&flags).await);
        let rooms = ["r1", "r2", "r3"];
        let creations = rooms.map(|room| {
            let path = format!("/v1/rooms/{room}/assets/sword");
            async move { call(here.address, "PUT", &path, r#"{"units":1}"#).await }
        });
        assert!(join_all(creations).await.iter().all(|answer| answer.starts_with("HTTP/1.1 201")));
        let taken = async |node: &Process, query: &str| -> Vec<Value> {
            let answer = node.get(&format!("/v1/events{query}")).await;
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            serde_json::from_str::<Value>(body).unwrap()["events"].as_array().unwrap().clone()
        };
        let events = taken(&there, "?wait=5s").await;
        let of_rooms: Vec<_> = events.iter().map(|event| event["room"].as_str().unwrap()).collect();
        assert_eq!(of_rooms, rooms);
        assert!(events.iter().all(|event| event["type"] == "created"), "{events:?}");
        assert!(taken(&here, "").await.is_empty(), "they are in hand");
        let ids: Vec<_> = events.iter().map(|event| &event["id"]).collect();
        let answer = call(here.address, "POST", "/v1/events/ack", &json!({ "ids": ids }).to_string()).await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        assert!(taken(&there, "").await.is_empty());
    }
}
