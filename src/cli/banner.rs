use std::{io, net::SocketAddr};

use asset_arbiter::{model::without_secrets, server::Listeners, store};

use super::{Config, say};

/// Prints a summary for humans on stdout: the address, the store and the warnings.
///
/// # Errors
/// The system does not say where it listens.
pub(crate) fn banner(config: &Config, listeners: &Listeners) -> io::Result<()> {
    let (store, bus) = (without_secrets(&config.store), without_secrets(&config.bus));
    let awards = store::driver(&config.store).map(store::Driver::guarantee).unwrap_or_default();
    let mut text = format!("asset-arbiter {}\n", env!("CARGO_PKG_VERSION"));
    if let Some(players) = listeners.players.first() {
        text += &format!("  open   {}\n", place(config, players.local_addr()?));
    }
    if let Some(metrics) = &listeners.metrics {
        text += &format!("  watch  http://{}/metrics\n", metrics.local_addr()?);
    }
    text += &format!("  store  {store}\n  awards {awards}\n  bus    {bus}\n");
    for way in config.unsafe_ways() {
        text += &format!("  unsafe {way}\n");
    }
    say::stdout(text);
    Ok(())
}

fn place(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.settings.tls.is_some() { "https" } else { "http" };
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{} and at every address of this machine", address.port());
    }
    format!("{scheme}://{address}")
}
