use std::net::SocketAddr;

use asset_arbiter::bots::{Config, Length};

/// One round of bots at full speed on these nodes; each test changes what it is about.
pub(crate) fn one_race(nodes: &[SocketAddr]) -> Config {
    Config {
        nodes: nodes.iter().map(|address| format!("ws://{address}").parse().unwrap()).collect(),
        room: "race".parse().unwrap(),
        players: 60,
        assets: 10,
        units: 3,
        seed: 1,
        length: Length::Rounds(1),
        rate: 0.0,
        reconnect_chaos: 0.0,
        holds: None,
        admin_key: None,
        tokens: None,
        progress: false,
    }
}
