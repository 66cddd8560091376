use std::time::Duration;

use ipnet::IpNet;

use super::{Certificate, Origin, Secret, TokenSettings, WebhookSettings};

/// The settings of the server layer. Each one is a flag of the same name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Pages of these origins may connect, in addition to this server's own pages.
    pub allow_origin: Vec<Origin>,
    /// The key required for changes over HTTP; `None` allows them without a key.
    pub admin_key: Option<Secret>,
    /// The key that reading a room needs, unless a player token or the admin key is shown.
    pub viewer_key: Option<Secret>,
    /// Whether changes without the admin key are for requests from this machine alone.
    pub changes_only_here: bool,
    /// Whether `?token=` may carry a player token. Proxies and browsers keep URLs in logs and histories.
    pub tokens_in_urls: bool,
    /// How player tokens are verified.
    pub tokens: TokenSettings,
    /// Where events are sent; `None`: they are only handed out to readers.
    pub webhook: Option<WebhookSettings>,
    /// What the port shows in TLS handshakes; `None`: it speaks plain HTTP.
    pub tls: Option<Certificate>,
    /// The interval of WebSocket pings.
    pub ping_interval: Duration,
    /// The timeout of a pong.
    pub ping_timeout: Duration,
    /// How long a socket may accept nothing while there is data to write.
    pub write_timeout: Duration,
    /// The timeout of a TLS handshake and the first request's head together, of a later head, and of a body.
    pub handshake_timeout: Duration,
    /// How long a keep-alive HTTP connection may wait for its next request.
    pub idle_timeout: Duration,
    /// How long connections may take to close after the shutdown began.
    pub drain_timeout: Duration,
    /// The maximum of open TCP connections.
    pub max_connections: usize,
    /// The maximum of bytes in one message, and in one request's body.
    pub max_message: usize,
    /// Selects and releases per second of one connection; 0 is unlimited.
    pub selects_per_second: u32,
    /// Connections of one address; 0 is unlimited.
    pub connections_per_address: u32,
    /// Joins per minute of one address; 0 is unlimited.
    pub joins_per_minute_per_address: u32,
    /// Selects and releases per second of one player, over all its connections; 0 is unlimited.
    pub selects_per_second_per_player: u32,
    /// Rates and limits by address and player are counted, and refuse nobody.
    pub limits_dry_run: bool,
    /// The proxies that are believed who their clients are.
    pub trusted_proxies: Vec<IpNet>,
    /// The maximum of unanswered selects and releases of one connection.
    pub in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_origin: Vec::new(),
            admin_key: None,
            viewer_key: None,
            changes_only_here: false,
            tokens_in_urls: false,
            tokens: TokenSettings::default(),
            webhook: None,
            tls: None,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(8),
            max_connections: 100_000,
            max_message: 4096,
            selects_per_second: 0,
            connections_per_address: 0,
            joins_per_minute_per_address: 0,
            selects_per_second_per_player: 0,
            limits_dry_run: false,
            trusted_proxies: Vec::new(),
            in_flight: 64,
        }
    }
}
