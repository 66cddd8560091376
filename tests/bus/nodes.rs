//! Two servers on one store: what happens on one is told on the other, long before a resync would find it.

use std::time::Duration;

use asset_arbiter::model::ServerMessage;
use tokio::time::{Instant, timeout};

use crate::{
    engines::{cluster::Cluster, redis},
    server::servers,
    support::{Client, Process, soon},
};

/// Nothing but the bus tells in this time.
const NO_RESYNC: [&str; 2] = ["--resync-interval", "1h"];

/// Whoever was on a node that is killed has left everywhere else.
const GONE_WITHIN: Duration = Duration::from_secs(15);

/// A fraction of the default interval of resyncs.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_grant_is_announced_on_another_node() {
    for server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        announced_on_another_node(&["--store", &store.url(), "--bus", &server.url()]).await;
    }
}

#[tokio::test]
async fn a_redis_store_is_its_own_bus() {
    for engine in redis::all() {
        let server = engine.start();
        announced_on_another_node(&["--store", &format!("{}/3?ttl=2h&prefix=game%3A", server.url())]).await;
        let cluster = Cluster::start(&engine, 3, 0).await;
        announced_on_another_node(&["--store", &cluster.url()]).await;
    }
}

async fn announced_on_another_node(flags: &[&str]) {
    let flags = [flags, &NO_RESYNC, &["--asset", "sword=1"]].concat();
    let (here, there) = (Process::start(&flags).await, Process::start(&flags).await);
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    assert!(ann.gets("sword").await);
    let told = bob.hear_until(|message| match message {
        ServerMessage::AssetGranted { player, revision, .. } => Some((player.to_string(), *revision)),
        _ => None,
    });
    let told = timeout(SOON, told).await.unwrap_or_else(|_| panic!("{flags:?}: nobody was told"));
    assert_eq!(told, ("ann".to_owned(), 1));
    assert!(!bob.gets("sword").await, "and it is so");
}

/// The next of those who come and go, with how many are there then.
async fn next_move(client: &mut Client) -> (char, String, usize) {
    client
        .hear_until(|message| match message {
            ServerMessage::PlayerJoined { player, players, .. } => Some(('+', player.to_string(), *players)),
            ServerMessage::PlayerLeft { player, players, .. } => Some(('-', player.to_string(), *players)),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn players_of_a_node_that_is_killed_leave_in_time() {
    for server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        let flags = ["--store", &store.url(), "--bus", &server.url()];
        let (here, mut there) = (Process::start(&flags).await, Process::start(&flags).await);
        let mut watcher = here.observe().await;
        let _ann = there.join("ann").await;
        assert_eq!(timeout(SOON, next_move(&mut watcher)).await.unwrap(), ('+', "ann".to_owned(), 1));
        let since = Instant::now();
        there.child.kill().await.unwrap();
        assert_eq!(next_move(&mut watcher).await, ('-', "ann".to_owned(), 0));
        println!("{}: left {:.1} s after kill -9", server.url(), since.elapsed().as_secs_f64());
        assert!(since.elapsed() < GONE_WITHIN, "{:?}", since.elapsed());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn players_of_a_node_that_drains_leave_at_once() {
    for server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        let flags = ["--store", &store.url(), "--bus", &server.url()];
        let (mut here, there) = (Process::start(&flags).await, Process::start(&flags).await);
        let mut ann = here.join("ann").await;
        let mut watcher = there.observe().await;
        if watcher.welcome.players == 0 {
            let told = timeout(SOON, next_move(&mut watcher)).await;
            assert_eq!(told.expect("a new node asks who is there"), ('+', "ann".to_owned(), 1));
        }
        here.terminate().await;
        assert_eq!(timeout(SOON, next_move(&mut watcher)).await.unwrap(), ('-', "ann".to_owned(), 0));
        assert_eq!(ann.closed().await.code, 4100);
        assert!(soon("its end", here.child.wait()).await.unwrap().success());
    }
}
