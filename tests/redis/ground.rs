use std::net::SocketAddr;

use crate::{
    conformance::ground::{Node, asset, players},
    engines::redis::{self, Engine, Server},
    remote::network::Sides,
};

/// Every engine this machine has.
pub(crate) fn engines() -> Vec<Engine> {
    redis::all()
}

/// A store behind a proxy, and the same server past it. The server has all scripts, so that each call is one
/// request.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    let target = SocketAddr::from(([127, 0, 0, 1], server.port));
    let sides = Sides::of(target, |address| format!("redis://{address}"), "EVALSHA").await;
    let (warm, node, [ann]) = (sides.truth.sibling("-warm"), Node::new(), players(["ann"]));
    let sword = asset("sword");
    warm.create(node.next(), &sword, 1).await;
    warm.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
    warm.release(node.next(), &sword, &ann).await;
    warm.restock(node.next(), &sword, 1).await;
    warm.remove(node.next(), &sword).await;
    sides
}
