use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
};

use asset_arbiter::{model::without_secrets, server::Listeners, store};

use super::{Config, lan::qr_code, say};

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
    if config.lan {
        text += &lan_lines(config, listeners)?;
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

/// The addresses of players in the network and on this machine, and what a phone's camera reads of a terminal.
fn lan_lines(config: &Config, listeners: &Listeners) -> io::Result<String> {
    let [private, here] = &listeners.players[..] else { return Ok(String::new()) };
    let (phones, here) = (place(config, private.local_addr()?), place(config, here.local_addr()?));
    let mut text = format!("  here   {here}, where assets are created and rooms reset\n");
    if io::stdout().is_terminal() {
        text += &format!("\n{}\n  hold a phone of this network over it: {phones}\n\n", qr_code(&phones));
    }
    Ok(text)
}

fn place(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.settings.tls.is_some() { "https" } else { "http" };
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{} and at every address of this machine", address.port());
    }
    format!("{scheme}://{address}")
}
