use std::net::SocketAddr;

use mongodb::{Collection, bson::Document};

use crate::{
    conformance::ground::Ground,
    engines::{mongodb::Server, proxy::Proxy},
    remote::{network::Sides, store},
};

/// In each request that changes an asset, and in no other.
const WRITE: &str = "updates";

pub(crate) fn address(server: &Server) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port))
}

/// A store behind a proxy, and the same server past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    let proxy = Proxy::start(address(server)).await;
    let ground = Ground::new(store(&format!("mongodb://{}/game", proxy.address)).await);
    let truth = Ground { store: store(&server.url()).await, room: ground.room.clone() };
    Sides { proxy, ground, truth, write: WRITE }
}

/// What the store writes, as it is.
pub(crate) async fn papers(server: &Server) -> Collection<Document> {
    server.database().await.collection("assets")
}
