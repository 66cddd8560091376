use std::net::SocketAddr;

use crate::{
    conformance::ground::Ground,
    engines::{
        momento::{Momento, url},
        not_selected, selected,
    },
    remote::{network::Sides, store},
};

/// What a conditional write has in it, and a read has not.
pub(crate) const WRITE: &str = "\"counter\"";

/// A fake, if tests on it were asked for.
pub(crate) async fn momento() -> Option<Momento> {
    if selected("momento") {
        return Some(Momento::start().await);
    }
    not_selected("momento");
    None
}

/// Two stores on one cache and in one room, each with a connection and a memory of its own.
pub(crate) async fn two_sides(momento: &Momento) -> (Ground, Ground) {
    let ground = Ground::new(store(&momento.url()).await);
    let other = Ground { store: store(&momento.url()).await, room: ground.room.clone() };
    (ground, other)
}

/// A store behind a proxy, and one past it.
pub(crate) async fn behind_proxy(momento: &Momento) -> Sides {
    Sides::of(momento.address, at, WRITE).await
}

pub(crate) fn at(address: SocketAddr) -> String {
    url(crate::engines::momento::CACHE, address)
}

/// Where an asset lies.
pub(crate) fn item(ground: &Ground, asset: &str) -> String {
    format!("asset-arbiter/{}/asset/{asset}", ground.room)
}

/// Where the names of its assets lie.
pub(crate) fn index(ground: &Ground) -> String {
    format!("asset-arbiter/{}/assets", ground.room)
}
