use std::time::Duration;

use super::{Origin, Secret};

/// What the server layer depends on; each is a flag of the same name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pages of these origins may connect, besides those this server itself serves.
    pub allow_origin: Vec<Origin>,
    /// What changes over HTTP must show; `None`: they are open.
    pub admin_key: Option<Secret>,
    /// How often a WebSocket is pinged.
    pub ping_interval: Duration,
    /// How long a pong may take.
    pub ping_timeout: Duration,
    /// How long a socket may take nothing while there is something to write.
    pub write_timeout: Duration,
    /// How long a request's head, and then its body, may take to arrive.
    pub handshake_timeout: Duration,
    /// How long a kept HTTP connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long connections may take to end after the server was told to stop.
    pub drain_timeout: Duration,
    /// TCP connections at one time.
    pub max_connections: usize,
    /// Bytes of one message, and of one request's body.
    pub max_message: usize,
    /// Selects and releases per second of one connection; 0: unlimited.
    pub selects_per_second: u32,
    /// Selects and releases of one connection that wait for their answer.
    pub in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_origin: Vec::new(),
            admin_key: None,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(8),
            max_connections: 100_000,
            max_message: 4096,
            selects_per_second: 0,
            in_flight: 64,
        }
    }
}
