use std::net::SocketAddr;

use crate::{
    engines::mysql::{Server, url},
    remote::network::Sides,
};

/// In each packet that writes, and in no other.
pub(crate) const WRITE: &str = "ROW_COUNT";

/// A store behind a proxy, and the same database past it.
pub(crate) async fn behind_proxy(server: &Server) -> Sides {
    let target = SocketAddr::from(([127, 0, 0, 1], server.port));
    Sides::of(target, |address| url("root", address.port()), WRITE).await
}
