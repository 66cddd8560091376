use std::net::SocketAddr;

use crate::{
    conformance::ground::{Ground, Node, asset, players},
    engines::{
        proxy::Proxy,
        redis::{self, Engine, Server},
    },
    remote::{network::Sides, store},
};

/// Every engine this machine has.
pub(crate) fn engines() -> Vec<Engine> {
    redis::all()
}

/// A store behind a proxy, and the same server past it. The server has all scripts, so that each call is one
/// request.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
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
    Sides { proxy, ground, truth, write: "EVALSHA" }
}
