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

/// Seeds of a race: 1000 for each store, on Redis; fewer on its kin, and where the wire is rough besides.
pub(crate) const FEW: u64 = 100;

pub(crate) fn share_of(engine: &Engine) -> u64 {
    if engine.name == "redis" { 1000 } else { FEW }
}

/// A server of each.
pub(crate) fn servers() -> impl Iterator<Item = Server> {
    engines().into_iter().map(|engine| engine.start())
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
