//! TLS of the server's own port, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "bots")]
mod bots;
mod client;
mod files;
mod flaws;
mod handshakes;
mod renewal;
mod serving;
#[path = "../support/mod.rs"]
mod support;

use std::{path::Path, time::Duration};

use files::{Issued, Pair};
use support::Server;

/// A server with a certificate of a month.
async fn server() -> (Server, Issued) {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let server = Server::with(|setup| setup.settings.tls = Some(pair.load())).await;
    (server, issued)
}

/// The same that waits shortly for a handshake.
async fn hasty_server() -> (Server, Issued) {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let server = Server::with(|setup| {
        setup.settings.tls = Some(pair.load());
        setup.settings.handshake_timeout = Duration::from_millis(300);
    });
    (server.await, issued)
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}
