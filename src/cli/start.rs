use std::net::SocketAddr;

use anyhow::Context;
use asset_arbiter::server;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::Config;

/// File descriptors besides connections: the listener, the store's, the runtime's and standard streams.
const OTHER_FILES: u64 = 100;

/// Binds the address, after raising the limit on open files.
///
/// # Errors
/// Why the address cannot be bound, with advice.
pub(crate) fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    raise_open_files(config.settings.max_connections as u64);
    let address = config.listen;
    server::listen(address).with_context(|| advice(address))
}

/// The seed for node ids, epochs and jitter. It comes from the operating system, because no two nodes may share one.
pub(crate) fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0 ^ Uuid::new_v4().as_u64_pair().1
}

fn advice(address: SocketAddr) -> String {
    format!("cannot listen on {address} (choose another with --listen; port 0 picks a free one)")
}

fn raise_open_files(connections: u64) {
    let wanted = connections + OTHER_FILES;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < wanted => tracing::warn!(
            limit,
            wanted,
            "the open-file limit is below --max-connections: raise it (ulimit -n) or lower --max-connections"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the open-file limit"),
    }
}
