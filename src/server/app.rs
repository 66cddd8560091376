use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    Metrics, Settings, connection_limit::ConnectionLimit, connections::Connections, foreign_log::ForeignLog,
    hosts::Hosts, player_log::PlayerLog,
};
use crate::arbiter::Arbiter;

/// The state shared by all connections of one server.
pub struct App {
    pub(super) arbiter: Arc<Arbiter>,
    pub(super) settings: Settings,
    pub(super) hosts: Hosts,
    pub(super) foreign_log: ForeignLog,
    pub(super) player_log: PlayerLog,
    /// The open WebSockets.
    pub(super) connections: Arc<Connections>,
    /// The open TCP connections, including WebSockets.
    pub(super) tcp_connections: Arc<ConnectionLimit>,
    pub(super) metrics: Metrics,
    /// Cancelled when the shutdown starts.
    pub(super) draining: CancellationToken,
}

impl App {
    /// Assembles a server; [`serve`](super::serve) runs it. `metrics` should be the ones the arbiter was started with.
    #[must_use]
    pub fn new(settings: Settings, arbiter: Arc<Arbiter>, metrics: Metrics) -> Arc<Self> {
        let connections = Arc::new(metrics.scope(|| Connections::new(&settings)));
        Arc::new(Self {
            arbiter,
            hosts: Hosts::new(&settings.allow_origin),
            foreign_log: ForeignLog::default(),
            player_log: PlayerLog::default(),
            connections,
            tcp_connections: ConnectionLimit::new(settings.max_connections),
            settings,
            metrics,
            draining: CancellationToken::new(),
        })
    }
}
