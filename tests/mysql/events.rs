//! Changes that are kept as events.

use std::{fmt::Debug, sync::Arc};

use asset_arbiter::{
    model::{EventId, RoomName},
    store::{Call, HistoryPage, Options, Result, StoreErrorKind, Taker},
};
use futures::future::join_all;

use crate::{
    conformance::{
        BACKLOG, HISTORY,
        ground::{Ground, Node, asset, refusal, team},
    },
    engines::{
        eventually,
        mysql::{self, DATABASE, Server, url},
        proxy::{Fault, Proxy},
    },
    ground::{WRITE, servers},
    remote::{
        FOR_EVER,
        network::{CUTS, a_cut_is_found_out, answered},
        outbox::{
            events_outlive_the_server, keeps_the_contract_with_events, two_nodes_take_turns, with_events,
        },
        store, store_with,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_with_events_keeps_the_contract() {
    for server in servers().await {
        keeps_the_contract_with_events(&server.patient_url()).await;
    }
}

#[tokio::test]
async fn two_nodes_take_turns_with_the_events_of_a_room() {
    for server in servers().await {
        two_nodes_take_turns(&server.url()).await;
    }
}

#[tokio::test]
async fn events_outlive_a_mariadb_that_is_killed() {
    let Some(engine) = mysql::mariadb() else { return };
    let mut server = engine.start().await;
    let url = server.url();
    let kill = async || {
        server.process.kill();
        server.restart().await;
    };
    events_outlive_the_server(&url, kill).await;
}

/// The events that wait in a room, as texts.
async fn waiting(ground: &Ground) -> Vec<String> {
    let taker = Taker { id: fastrand::u64(..), now: u64::MAX / 4, until: 0 };
    let events = ground.store.take_events(&ground.room, taker, 10_000).await.unwrap();
    events.into_iter().map(|(_, event)| event.to_string()).collect()
}

/// A count of the server's, as MariaDB keeps it.
async fn status(server: &Server, name: &str) -> u64 {
    let count = format!(
        "SELECT CAST(VARIABLE_VALUE AS UNSIGNED) FROM information_schema.GLOBAL_STATUS \
         WHERE VARIABLE_NAME = '{name}'"
    );
    server.count(&count).await
}

/// How often the server began a transaction, rolled one back, and read, so far.
async fn asked(server: &Server) -> [u64; 3] {
    [
        status(server, "COM_BEGIN").await,
        status(server, "COM_ROLLBACK").await,
        status(server, "COM_SELECT").await,
    ]
}

/// What is asked between two counts if nothing happens: to count is to ask, too, and at its start a store looks for what
/// others left.
async fn counting(server: &Server) -> [u64; 3] {
    let rested = eventually("the sweepers to rest", async || {
        let counts = [asked(server).await, asked(server).await, asked(server).await];
        let counting = less(counts[1], counts[0]);
        (counting == less(counts[2], counts[1])).then_some(counting)
    });
    rested.await
}

fn less(after: [u64; 3], before: [u64; 3]) -> [u64; 3] {
    [0, 1, 2].map(|count| after[count] - before[count])
}

/// What a change asks.
async fn change(server: &Server, ground: &Ground, node: &Node, counting: [u64; 3]) -> [u64; 3] {
    let before = asked(server).await;
    ground.restock(node.next(), &asset("sword"), 1).await;
    less(less(asked(server).await, before), counting)
}

#[tokio::test]
async fn a_change_with_events_is_one_packet_as_without_until_the_backlog_is_full() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    let plain = Ground::new(store(&server.url()).await);
    let kept = Ground::new(with_events(&server.url()).await);
    let node = Node::new();
    for ground in [&plain, &kept] {
        ground.create(node.next(), &asset("sword"), 1).await;
    }
    let counting = counting(&server).await;
    let change = async |ground| change(&server, ground, &node, counting).await;
    let without = change(&plain).await;
    for _ in 1..BACKLOG {
        assert_eq!(change(&kept).await, without, "as without events");
    }
    let [begins, _, selects] = without;
    assert_eq!(change(&kept).await, [begins + 1, 1, selects + 1], "the node finds out");
    for _ in 0..3 {
        assert_eq!(change(&kept).await, [begins, 0, selects + 1], "it reads what it merges");
    }
    assert_eq!(waiting(&kept).await.len(), BACKLOG);
    assert_eq!(change(&plain).await, without);
}

/// The revisions of the waiting events, and the kind of each.
async fn spans(ground: &Ground) -> Vec<(u64, u64, String)> {
    let span = |event: &String| {
        let parts: Vec<_> = event.split('/').collect();
        (parts[2].parse().unwrap(), parts[1].parse().unwrap(), parts[3].to_owned())
    };
    waiting(ground).await.iter().map(span).collect()
}

fn merged(first: u64, revision: u64, kind: &str) -> Vec<(u64, u64, String)> {
    let events = [
        (first, revision, "compacted"),
        (revision + 1, revision + 1, kind),
        (revision + 2, revision + 2, kind),
    ];
    events.map(|(first, revision, kind)| (first, revision, kind.to_owned())).into()
}

#[tokio::test]
async fn a_backlog_that_is_lowered_and_a_batch_beyond_it_are_merged() {
    for server in servers().await {
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node) = ground.sword(9).await;
        for _ in 0..9 {
            ground.restock(node.next(), &sword, 1).await;
        }
        let lower = Options { events_backlog: Some(3), ..FOR_EVER };
        let lower = Ground { store: store_with(&server.url(), lower).await, room: ground.room.clone() };
        assert_eq!(waiting(&lower).await.len(), 10, "until the next change");
        lower.restock(node.next(), &sword, 1).await;
        assert_eq!(spans(&lower).await, merged(0, 8, "restocked"));
        lower.select(node.next(), &sword, &team("p", 6)).await;
        assert_eq!(spans(&lower).await, merged(0, 14, "granted"));
        let new = lower.sibling("-new");
        new.select_or_create(node.next(), &sword, &team("p", 6), Some(9)).await;
        assert_eq!(spans(&new).await, merged(0, 4, "granted"), "of which none waited");
    }
}

/// Those who change assets of a room and those who take its events wait for each other, but never for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_a_room_and_who_reads_its_events_never_deadlock() {
    const NODES: usize = 4;
    const CHANGES: u64 = 60;
    for server in servers().await {
        let few = Options { events_backlog: Some(4), ..FOR_EVER };
        let url = server.patient_url();
        let stores = join_all((0..NODES).map(|_| store_with(&url, few))).await;
        let grounds: Vec<_> = {
            let room = Ground::new(Arc::clone(&stores[0])).room;
            stores.into_iter().map(|store| Ground { store, room: room.clone() }).collect()
        };
        let names = ["axe", "bow"].map(asset);
        for name in &names {
            grounds[0].create(Node::new().next(), name, 1).await;
        }
        let changes = grounds.iter().flat_map(|ground| {
            names.clone().map(|name| {
                let ground = ground.clone();
                tokio::spawn(async move {
                    let node = Node::new();
                    for _ in 0..CHANGES {
                        ground.restock(node.next(), &name, 1).await;
                    }
                })
            })
        });
        let changes: Vec<_> = changes.collect();
        let takers = grounds.iter().cloned().enumerate().map(|(id, ground)| {
            tokio::spawn(async move {
                let mut revisions = Vec::new();
                // Each looks at a time at which the leases of the others are over.
                for turn in 0..CHANGES {
                    let now = 1_795_000_000_000 + turn * 1000;
                    let taker = Taker { id: id as u64 * CHANGES + turn, now, until: now + 1 };
                    let events = ground.store.take_events(&ground.room, taker, 5).await.unwrap();
                    let ids: Vec<EventId> =
                        events.iter().map(|(name, event)| event.id(&ground.room, name)).collect();
                    ground.store.acknowledge(&ground.room, &ids, Node::new().next().at).await.unwrap();
                    revisions.extend(events.into_iter().map(|(_, event)| event.revision));
                }
                revisions.len()
            })
        });
        let takers: Vec<_> = takers.collect();
        let taken: usize = join_all(takers).await.into_iter().map(|taken| taken.unwrap()).sum();
        join_all(changes).await.into_iter().for_each(|done| done.unwrap());
        assert!(taken > 0);
        for name in &names {
            assert_eq!(grounds[0].state(name).await.revision, NODES as u64 * CHANGES);
        }
        assert!(waiting(&grounds[0]).await.len() <= 2 * 4);
        if server.engine.name == "mariadb" {
            assert_eq!(status(&server, "INNODB_DEADLOCKS").await, 0);
        }
    }
}

/// Stores with events, one behind a proxy and one past it, in the same room.
async fn sides(server: &Server) -> (Proxy, Ground, Ground) {
    let proxy = Proxy::start(([127, 0, 0, 1], server.port).into()).await;
    let ground = Ground::new(with_events(&url("root", proxy.address.port())).await);
    let truth = Ground { store: with_events(&server.url()).await, room: ground.room.clone() };
    (proxy, ground, truth)
}

#[tokio::test]
async fn a_change_that_was_cut_is_one_event() {
    for server in servers().await {
        for (fault, arrived) in CUTS {
            let (proxy, ground, truth) = sides(&server).await;
            let arrived = Some(false).filter(|_| !arrived);
            a_cut_is_found_out(&ground, &truth, |fault| proxy.next(WRITE, fault), fault, arrived).await;
            let revisions: Vec<_> = spans(&truth).await.into_iter().map(|(_, revision, _)| revision).collect();
            assert_eq!(revisions, [0, 1, 2, 3], "{fault:?}");
        }
    }
}

#[tokio::test]
async fn what_was_cut_is_taken_and_acknowledged_again() {
    for server in servers().await {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfReply, Fault::Twice] {
            let (proxy, ground, truth) = sides(&server).await;
            truth.sword(1).await;
            let (store, room) = (&ground.store, &ground.room);
            let taker = Taker { id: 1, now: 5, until: 10 };
            let take = || store.take_events(room, taker, 10);
            proxy.next("UPDATE asset_arbiter_event_leases", fault);
            fails_at_most_as_unknown(take().await);
            let events = answered(take).await;
            assert_eq!(events.len(), 1, "{fault:?}");
            let ids: Vec<_> = events.iter().map(|(name, event)| event.id(room, name)).collect();
            let acknowledge = || store.acknowledge(room, &ids, 0);
            proxy.next("DELETE FROM asset_arbiter_events", fault);
            fails_at_most_as_unknown(acknowledge().await);
            answered(acknowledge).await;
            proxy.settled().await;
            assert_eq!(proxy.met(), 2, "{fault:?}");
            let page = HistoryPage { after: None, now: 5, limit: 10 };
            let key = truth.key(&asset("sword"));
            assert_eq!(truth.store.history(&key, page).await.unwrap(), [events[0].1.clone()], "{fault:?}");
            assert_eq!(waiting(&truth).await, Vec::<String>::new(), "{fault:?}");
            assert_eq!(leases(&server, room).await, 0, "{fault:?}");
        }
    }
}

fn fails_at_most_as_unknown<T: Debug>(answer: Result<T>) {
    if answer.is_err() {
        assert_eq!(refusal(answer), StoreErrorKind::OutcomeUnknown);
    }
}

#[tokio::test]
async fn events_that_are_too_old_are_deleted_from_the_history() {
    for server in servers().await {
        let ground = Ground::new(with_events(&server.url()).await);
        let (sword, node) = ground.sword(1).await;
        let (now, age) = (node.next().at, HISTORY.age.as_millis() as u64);
        let count =
            format!("SELECT COUNT(*) FROM {DATABASE}.asset_arbiter_history WHERE room = '{}'", ground.room);
        ground.restock(Call { at: now + age, ..node.next() }, &sword, 1).await;
        let taker = Taker { id: 1, now, until: now };
        let events = ground.store.take_events(&ground.room, taker, 9).await.unwrap();
        let ids: Vec<_> = events.iter().map(|(name, event)| event.id(&ground.room, name)).collect();
        assert_eq!(ids.len(), 2);
        ground.store.acknowledge(&ground.room, &ids, now + age + 9).await.unwrap();
        let swept = async || (server.count(&count).await == 1).then_some(());
        eventually("the creation to be deleted, and the restocking to stay", swept).await;
    }
}

async fn leases(server: &Server, room: &RoomName) -> u64 {
    let leases = format!("SELECT COUNT(*) FROM {DATABASE}.asset_arbiter_event_leases WHERE room = '{room}'");
    server.count(&leases).await
}
