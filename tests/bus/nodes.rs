//! Two servers on one store: what happens on one is told on the other, long before a resync would find it.

use std::time::Duration;

use asset_arbiter::model::ServerMessage;
use tokio::time::timeout;

use crate::{
    engines::{cluster::Cluster, redis},
    server::servers,
    support::Process,
};

/// Nothing but the bus tells in this time.
const NO_RESYNC: [&str; 2] = ["--resync-interval", "1h"];

/// A fraction of the default interval of resyncs.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_grant_is_told_on_another_node() {
    for server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        told_on_another_node(&["--store", &store.url(), "--bus", &server.url()]).await;
    }
}

#[tokio::test]
async fn a_redis_store_is_its_own_bus() {
    for engine in redis::all() {
        let server = engine.start();
        told_on_another_node(&["--store", &format!("{}/3?ttl=2h&prefix=game%3A", server.url())]).await;
        let cluster = Cluster::start(&engine, 3, 0).await;
        told_on_another_node(&["--store", &cluster.url()]).await;
    }
}

async fn told_on_another_node(flags: &[&str]) {
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
