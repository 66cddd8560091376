use std::net::SocketAddr;

use futures::future::join_all;

use crate::{
    engines::mysql::{self, Engine, Server, url},
    remote::network::Sides,
};

/// In each packet that writes, and in no other.
pub(crate) const WRITE: &str = "ROW_COUNT";

/// A server of every engine this machine has.
pub(crate) async fn servers() -> Vec<Server> {
    join_all(mysql::all().iter().map(Engine::start)).await
}

/// A store behind a proxy, and the same database past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    let target = SocketAddr::from(([127, 0, 0, 1], server.port));
    Sides::of(target, |address| url("root", address.port()), WRITE).await
}
