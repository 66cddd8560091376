use std::{net::SocketAddr, sync::Arc, time::Duration};

use asset_arbiter::store::{Options, Store, open};

use crate::{
    conformance::ground::{Ground, Node, asset, players},
    engines::{
        eventually,
        proxy::Proxy,
        redis::{self, Engine, Server},
    },
    patient::Patient,
};

pub(crate) const FOR_EVER: Options = Options { room_ttl: None };

/// Every engine this machine has.
pub(crate) fn engines() -> Vec<Engine> {
    [redis::redis(), redis::valkey()].into_iter().flatten().collect()
}

/// Opens a store and waits until it answers.
pub(crate) async fn store(url: &str) -> Arc<dyn Store> {
    let store = open(url, FOR_EVER).unwrap();
    eventually("the store to answer", async || store.ping().await.ok()).await;
    store
}

/// The same for callers that cannot bear a server that is away for a second.
pub(crate) async fn patient(url: &str) -> Arc<dyn Store> {
    Arc::new(Patient(store(url).await))
}

/// A store behind a proxy, and the same server past it. The server has all scripts, so that each call is one
/// request.
pub(crate) async fn behind_proxy(server: &Server) -> (Proxy, Ground, Ground) {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port))).await;
    let ground = Ground::new(store(&format!("redis://{}", proxy.address)).await);
    let truth = Ground { store: store(&server.url()).await, room: ground.room.clone() };
    let (warm, node, [ann]) = (truth.sibling("-warm"), Node::new(), players(["ann"]));
    let sword = asset("sword");
    warm.create(node.next(), &sword, 1).await;
    warm.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    warm.release(node.next(), &sword, &ann).await;
    warm.restock(node.next(), &sword, 1).await;
    warm.remove(node.next(), &sword).await;
    (proxy, ground, truth)
}

/// What is quick.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(500);
