use std::net::SocketAddr;

use mongodb::{Collection, bson::Document};

use crate::{
    engines::mongodb::{Server, ferretdb},
    remote::network::Sides,
};

/// In each request that changes an asset, and in no other.
pub(crate) const WRITE: &str = "updates";

/// A server, if this machine has the engine.
pub(crate) fn server() -> Option<Server> {
    ferretdb().map(|engine| engine.start())
}

pub(crate) fn address(server: &Server) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port))
}

/// A store behind a proxy, and the same server past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    Sides::of(address(server), url_at, WRITE).await
}

/// The store's URL at an address.
pub(crate) fn url_at(address: SocketAddr) -> String {
    format!("mongodb://{address}/game")
}

/// What the store writes, as it is.
pub(crate) async fn documents(server: &Server) -> Collection<Document> {
    server.database().await.collection("assets")
}
