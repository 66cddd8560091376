//! The server is told to stop.

use std::{collections::BTreeSet, time::Duration};

use asset_arbiter::model::ServerMessage;
use futures::future::join_all;

use crate::support::{Server, select, soon};

const CLIENTS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selects_in_flight_are_answered_and_everyone_gets_its_own_time_to_come_back() {
    let server = Server::with(|setup| setup.config.auto_create = Some(1)).await;
    let names: Vec<_> = (0..CLIENTS).map(|n| format!("p{n}")).collect();
    let mut clients = join_all(names.iter().map(|name| server.join("r", name))).await;
    let mut idle = server.observe("r").await;
    server.store.hold();
    for (client, name) in clients.iter_mut().zip(&names) {
        client.select(name, 1).await;
    }
    server.has_selected(CLIENTS as u64).await;
    let (store, ended) = (server.store.clone(), server.stop());
    let mut times = BTreeSet::from([idle.closed().await.retry_after_ms]);
    store.resume();
    for client in &mut clients {
        let reply = client.reply().await;
        assert!(matches!(reply, ServerMessage::Selection { granted: true, .. }), "{reply:?}");
        let closed = client.closed().await;
        assert_eq!(closed.code, 4100);
        assert!((1..60_000).contains(&closed.retry_after_ms), "{closed:?}");
        times.insert(closed.retry_after_ms);
    }
    assert!(times.len() > CLIENTS / 2, "not everyone comes back at once: {times:?}");
    drop((clients, idle));
    soon("the drain", ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_socket_behind_the_bound_in_flight_is_answered_too() {
    const SELECTS: usize = 300;
    let server = Server::with(|setup| setup.config.auto_create = Some(1)).await;
    let mut ann = server.join("r", "ann").await;
    server.store.hold();
    let selects: Vec<u8> = (0..SELECTS).flat_map(|n| select(format!("a{n}"), n)).collect();
    ann.raw(&selects).await;
    server.has_selected(64).await;
    let (store, ended) = (server.store.clone(), server.stop());
    store.resume();
    let mut answered = BTreeSet::new();
    while answered.len() < SELECTS {
        match ann.reply().await {
            ServerMessage::Selection { request_id, granted: true, .. } => {
                answered.insert(request_id.unwrap().as_json().to_owned());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ann.closed().await.code, 4100);
    drop(ann);
    soon("the drain", ended).await.unwrap();
}

#[tokio::test]
async fn a_client_that_never_stops_does_not_keep_the_server() {
    let server = Server::with(|setup| setup.settings.drain_timeout = Duration::from_millis(300)).await;
    let mut ann = server.join("r", "ann").await;
    server.create("r", "sword", 1).await;
    server.store.hold();
    ann.select("sword", 1).await;
    server.has_selected(1).await;
    soon("the end", server.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reached_a_socket_just_before_the_stop_is_answered() {
    // The server does not know of it yet when it is told to stop: not always, so it is tried again and again.
    for _ in 0..50 {
        let server = Server::with(|setup| setup.config.auto_create = Some(1)).await;
        let mut ann = server.join("r", "ann").await;
        ann.select("sword", 1).await;
        let ended = server.stop();
        let reply = ann.reply().await;
        assert!(matches!(reply, ServerMessage::Selection { granted: true, .. }), "{reply:?}");
        assert_eq!(ann.closed().await.code, 4100);
        drop(ann);
        soon("the drain", ended).await.unwrap();
    }
}
