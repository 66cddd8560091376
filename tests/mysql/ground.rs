use std::net::SocketAddr;

use crate::{
    conformance::ground::Ground,
    engines::{
        mysql::{Server, url},
        proxy::Proxy,
    },
    remote::{network::Sides, store},
};

/// In each packet that writes, and in no other.
pub(crate) const WRITE: &str = "ROW_COUNT";

/// A store behind a proxy, and the same database past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], server.port))).await;
    let ground = Ground::new(store(&url("root", proxy.address.port())).await);
    let truth = Ground { store: store(&server.url()).await, room: ground.room.clone() };
    Sides { proxy, ground, truth, write: WRITE }
}
