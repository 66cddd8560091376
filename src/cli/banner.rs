use std::net::SocketAddr;

use asset_arbiter::{model::without_secrets, store};

use super::{Config, say};

/// Prints a summary for humans on stdout: the address, the store and the warnings.
pub(crate) fn banner(config: &Config, address: SocketAddr) {
    let (store, bus) = (without_secrets(&config.store), without_secrets(&config.bus));
    let awards = store::driver(&config.store).map(store::Driver::guarantee).unwrap_or_default();
    let mut text = format!(
        "asset-arbiter {}\n  open   {}\n  store  {store}\n  awards {awards}\n  bus    {bus}\n",
        env!("CARGO_PKG_VERSION"),
        place(config, address)
    );
    for way in config.unsafe_ways() {
        text += &format!("  unsafe {way}\n");
    }
    say::stdout(text);
}

fn place(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.settings.tls.is_some() { "https" } else { "http" };
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{} and at every address of this machine", address.port());
    }
    format!("{scheme}://{address}")
}
