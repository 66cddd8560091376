//! Limits by address and by player, over real sockets. A client's address is one of 127.0.0.0/8, or what a proxy says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod addresses;
mod dry_run;
mod from;
mod proxies;
mod selects;
#[path = "../support/mod.rs"]
mod support;

use asset_arbiter::server::Settings;
use support::Server;

async fn limited(adjust: impl FnOnce(&mut Settings)) -> Server {
    Server::with(|setup| adjust(&mut setup.settings)).await
}

/// What a limit counted, as `/metrics` tells.
async fn counted(server: &Server, limit: &str, outcome: &str) -> u64 {
    let name = format!("asset_arbiter_limited_total{{limit=\"{limit}\",outcome=\"{outcome}\"}}");
    server.metric(&name).await
}
