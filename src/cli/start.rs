use std::net::SocketAddr;

use anyhow::Context;
use asset_arbiter::server::{self, Listeners};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{Config, lan};

/// File descriptors besides connections: the listener, the store's, the runtime's and standard streams.
const OTHER_FILES: u64 = 100;

/// Binds the addresses, after raising the limit on open files.
///
/// # Errors
/// Why one cannot be bound, with advice.
pub(crate) fn listen(config: &Config) -> anyhow::Result<Listeners> {
    raise_open_files(config.settings.max_connections as u64);
    let players = if config.lan { lan::listen(config.listen)? } else { vec![bind("--listen", config.listen)?] };
    let metrics = config.metrics_listen.map(|address| bind("--metrics-listen", address)).transpose()?;
    Ok(Listeners { players, metrics })
}

pub(super) fn bind(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let advice = || format!("cannot listen on {address} (choose another with {flag}; port 0 picks a free one)");
    server::listen(address).with_context(advice)
}

/// The seed for node ids, epochs and jitter. It comes from the operating system, because no two nodes may share one.
pub(crate) fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0 ^ Uuid::new_v4().as_u64_pair().1
}

fn raise_open_files(connections: u64) {
    let wanted = connections + OTHER_FILES;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => {
            if limit < wanted {
                tracing::warn!(
                    limit,
                    wanted,
                    "the open-file limit is below --max-connections: raise it (ulimit -n) or lower --max-connections"
                );
            }
            #[cfg(target_os = "linux")]
            reserve_files(limit.min(wanted));
        }
        Err(error) => tracing::warn!(%error, "cannot raise the open-file limit"),
    }
}

/// Makes the process's table of files as large as it will be. Each time it doubles, the kernel waits for all processors,
/// and so do the connections that a thread serves beside accepting: 10 to 90 ms.
#[cfg(target_os = "linux")]
fn reserve_files(files: u64) {
    let last = i32::try_from(files.saturating_sub(1)).unwrap_or(i32::MAX);
    if let Err(error) = rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), last) {
        tracing::debug!(%error, files, "cannot reserve the table of files");
    }
}
