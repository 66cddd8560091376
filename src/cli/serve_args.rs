use std::{net::SocketAddr, path::PathBuf, time::Duration};

use asset_arbiter::{
    arbiter::SamePlayer,
    model::{duration, limits::HEARTBEAT_NAMES, room_ttl},
    server::Origin,
};
use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;

use super::tokens::{KeyFile, key_file};
use super::values::{
    Template, bytes, count, filter, history, listen, longer_than_zero, network, on_or_off, ratio, same_player,
    template, units,
};

/// The default of `--log-level`.
pub(super) const LOG_LEVEL: &str = "info";

/// Every flag of `serve`, with its default. `layers` adds the environment's names.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// Take values from this TOML file; its keys are the flags' names
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Listen here; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub(crate) listen: SocketAddr,
    /// Play without tokens in one private network: listen at this machine's private address, and refuse a public one.
    /// Changes over HTTP are made on this machine, or with the admin key
    #[arg(long)]
    pub(crate) lan: bool,
    /// Serve /metrics, /healthz and /readyz here, over plain HTTP, and not to players [default: where players connect]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Keep counters and holders here
    #[arg(long, value_name = "URL", default_value = "memory:")]
    pub(crate) store: String,
    /// Tell other nodes over this [default: what goes with the store]
    #[arg(long, value_name = "URL")]
    pub(crate) bus: Option<String>,

    /// Show this asset in every room, created by its first select (repeatable) [default: a handful to play
    /// with, if the store is memory:]
    #[arg(long, value_name = "NAME=UNITS[,OPTION=TIME...]", value_parser = template)]
    pub(crate) asset: Vec<Template>,
    /// Show no assets to play with: every room begins empty
    #[arg(long)]
    pub(crate) no_demo_assets: bool,
    /// Create an unknown asset that is selected, with that many units [default: off]
    #[arg(long, value_name = "UNITS", value_parser = units())]
    pub(crate) auto_create: Option<u32>,
    /// Keep every change as an event until the game's backend has acknowledged it, for GET /v1/events: on or off
    #[arg(long, value_name = "ON", default_value = "off", value_parser = on_or_off, action = ArgAction::Set)]
    pub(crate) events: bool,
    /// With --events on, show an asset's changes of that long ago also after they were acknowledged; 0 or off: do not
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = history)]
    pub(crate) history: Duration,
    /// Send events to this address, too, each request signed (https:// or http://); needs --events on and
    /// --webhook-secret-file
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Sign requests to the webhook with the secrets in this file, one a line: whsec_ and base64; two during a rotation
    #[arg(long, value_name = "FILE")]
    pub(crate) webhook_secret_file: Option<PathBuf>,
    /// Deny a sold-out asset from memory for that long; 0: always ask the store
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration, help_heading = "Timing")]
    pub(crate) sold_out_ttl: Duration,
    /// Tell a player who waits that long that the outcome is unknown
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) select_deadline: Duration,
    /// Compare active rooms with a shared store that often
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) resync_interval: Duration,
    /// Cut a connection that takes nothing for that long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) write_timeout: Duration,
    /// Let a hold be extended until that long after its grant
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) max_hold: Duration,
    /// Ping every connection that often
    #[arg(long, value_name = "TIME", default_value = "25s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) ping_interval: Duration,
    /// Cut a connection that does not answer a ping for that long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) ping_timeout: Duration,
    /// Give up a request whose head or body takes that long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) handshake_timeout: Duration,
    /// Close an HTTP connection that waits that long for its next request
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = longer_than_zero, help_heading = "Timing")]
    pub(crate) idle_timeout: Duration,
    /// Wait that long for connections to end when stopped
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = duration, help_heading = "Timing")]
    pub(crate) drain_timeout: Duration,
    /// Keep the view and log of a room that long after its last member left
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration, help_heading = "Timing")]
    pub(crate) room_linger: Duration,
    /// Forget a room nobody used for that long; 0: never [default: 24h if the store is memory:, else 0]
    #[arg(long, value_name = "TIME", value_parser = room_ttl, help_heading = "Timing")]
    pub(crate) room_ttl: Option<Duration>,

    /// Keep that many recent frames of a room for those who come back
    #[arg(long, value_name = "FRAMES", default_value = "512", value_parser = count(16..=1 << 20), help_heading = "Limits")]
    pub(crate) room_log: usize,
    /// A player's second connection to a room, on any node: allow it, replace the older one, or refuse the newer one
    #[arg(long, value_name = "RULE", default_value = "allow", value_parser = same_player, help_heading = "Limits")]
    pub(crate) same_player: SamePlayer,
    /// Tell every name in rooms of up to that many players
    #[arg(long, value_name = "PLAYERS", default_value = "64", value_parser = count(0..=HEARTBEAT_NAMES as u64), help_heading = "Limits")]
    pub(crate) presence_limit: usize,
    /// Connections at one time
    #[arg(long, value_name = "N", default_value = "100000", value_parser = count(1..=10_000_000), help_heading = "Limits")]
    pub(crate) max_connections: usize,
    /// Active rooms at one time
    #[arg(long, value_name = "N", default_value = "100000", value_parser = count(1..=10_000_000), help_heading = "Limits")]
    pub(crate) max_rooms: usize,
    /// Members of one room
    #[arg(long, value_name = "N", default_value = "20000", value_parser = count(1..=10_000_000), help_heading = "Limits")]
    pub(crate) max_members: usize,
    /// Assets of one room
    #[arg(long, value_name = "N", default_value = "4096", value_parser = count(1..=1_000_000), help_heading = "Limits")]
    pub(crate) max_assets: usize,
    /// Units of one asset
    #[arg(long, value_name = "UNITS", default_value = "1000000", value_parser = units(), help_heading = "Limits")]
    pub(crate) max_units: u32,
    /// Assets of all rooms together, if the store is memory:
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = count(1..=1_000_000_000), help_heading = "Limits")]
    pub(crate) max_stored_assets: usize,
    /// Events of one asset that wait; beyond that the oldest are merged into one
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count(2..=100_000), help_heading = "Limits")]
    pub(crate) events_backlog: usize,
    /// Size of one message
    #[arg(long, value_name = "SIZE", default_value = "4KiB", value_parser = bytes, help_heading = "Limits")]
    pub(crate) max_message: usize,
    /// Selects and releases per second of one connection; 0: unlimited [default: 0 on loopback, 50 elsewhere]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) selects_per_second: Option<u32>,
    /// Connections of one address; IPv6 counts by /64; 0: unlimited
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Limits")]
    pub(crate) connections_per_address: u32,
    /// WebSockets that one address may open a minute; 0: unlimited
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Limits")]
    pub(crate) joins_per_minute_per_address: u32,
    /// Selects and releases per second of one player, over all its connections to this node; 0: unlimited
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Limits")]
    pub(crate) selects_per_second_per_player: u32,
    /// Count what the four limits above would refuse, and refuse nobody
    #[arg(long, help_heading = "Limits")]
    pub(crate) limits_dry_run: bool,
    /// Believe this proxy who its clients are: an address, or a network such as 10.0.0.0/8 (repeatable)
    #[arg(long, value_name = "CIDR", value_parser = network, help_heading = "Limits")]
    pub(crate) trusted_proxy: Vec<IpNet>,
    /// Selects and releases of one connection that may wait for their answer
    #[arg(long, value_name = "N", default_value = "64", value_parser = count(1..=4096), help_heading = "Limits")]
    pub(crate) in_flight: usize,

    /// Let pages of this origin connect, such as https://game.example (repeatable) [default: the server's own]
    #[arg(long, value_name = "ORIGIN", help_heading = "Safety")]
    pub(crate) allow_origin: Vec<Origin>,
    /// Listen beyond loopback also without player tokens and an admin key: whoever reaches the address may do what they
    /// would protect
    #[arg(long, help_heading = "Safety")]
    pub(crate) insecure: bool,
    /// Ask for the key in this file before changing anything over HTTP (or set ASSET_ARBITER_ADMIN_KEY to the key)
    #[arg(long, value_name = "FILE", help_heading = "Safety")]
    pub(crate) admin_key_file: Option<PathBuf>,

    /// Ask for the key in this file (or a player token, or the admin key) before showing a room over HTTP (or set
    /// ASSET_ARBITER_VIEWER_KEY to the key)
    #[arg(long, value_name = "FILE", help_heading = "Safety")]
    pub(crate) viewer_key_file: Option<PathBuf>,
    /// Verify player tokens whose iss is ID with the key in this file: a PEM public key, or a secret of at least 32
    /// bytes (repeatable)
    #[arg(long, value_name = "ID=FILE", value_parser = key_file, help_heading = "Safety")]
    pub(crate) token_key: Vec<KeyFile>,
    /// Verify player tokens with the keys of this key set, which their kid names
    #[arg(long, value_name = "URL", help_heading = "Safety")]
    pub(crate) token_jwks: Option<String>,
    /// Refuse player tokens that live longer, from iat to exp
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = longer_than_zero, help_heading = "Safety")]
    pub(crate) token_max_age: Duration,
    /// Speak TLS with the certificate chain in this PEM file; needs --tls-key
    #[arg(long, value_name = "FILE", help_heading = "Safety")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", help_heading = "Safety")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Send traces of selects to this collector, by OTLP over HTTP
    #[arg(long, value_name = "URL", help_heading = "Traces")]
    pub(crate) otlp_endpoint: Option<String>,
    /// Trace this share of the selects, from 0 to 1, whose caller says nothing of traces
    #[arg(long, value_name = "RATIO", default_value = "1", value_parser = ratio, help_heading = "Traces")]
    pub(crate) otlp_sample: f64,

    /// How log lines look [default: pretty on a terminal, else json]
    #[arg(long, value_name = "FORMAT", help_heading = "Logs")]
    pub(crate) log_format: Option<LogFormat>,
    /// How much is logged: error, warn, info, debug, trace, or such as info,asset_arbiter=debug
    #[arg(long, value_name = "LEVEL", default_value = LOG_LEVEL, value_parser = filter, help_heading = "Logs")]
    pub(crate) log_level: String,
    /// The file of `--config`, if neither a flag nor the environment says `--log-level`.
    #[arg(skip)]
    pub(crate) level_file: Option<PathBuf>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    // For people.
    Pretty,
    // For programs: one object per line.
    Json,
}
