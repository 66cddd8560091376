use std::net::SocketAddr;

use mongodb::{Collection, bson::Document};

use crate::{engines::mongodb::Server, remote::network::Sides};

/// In each request that changes an asset, and in no other.
pub(crate) const WRITE: &str = "updates";

pub(crate) fn address(server: &Server) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port))
}

/// A store behind a proxy, and the same server past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    Sides::of(address(server), |address| format!("mongodb://{address}/game"), WRITE).await
}

/// What the store writes, as it is.
pub(crate) async fn documents(server: &Server) -> Collection<Document> {
    server.database().await.collection("assets")
}
