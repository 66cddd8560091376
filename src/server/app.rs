use std::sync::Arc;

use tokio::sync::watch;

use super::{
    Metrics, Settings, connection_limit::ConnectionLimit, connections::Connections, foreign_log::ForeignLog,
    hosts::Hosts, origins::Origins, player_log::PlayerLog,
};
use crate::arbiter::Arbiter;

/// The state shared by all connections of one server.
pub struct App {
    pub(super) arbiter: Arc<Arbiter>,
    pub(super) settings: Settings,
    pub(super) origins: Origins,
    pub(super) hosts: Hosts,
    pub(super) foreign_log: ForeignLog,
    pub(super) player_log: PlayerLog,
    /// The open WebSockets.
    pub(super) connections: Arc<Connections>,
    /// The open TCP connections, including WebSockets.
    pub(super) tcp_connections: Arc<ConnectionLimit>,
    pub(super) metrics: Metrics,
    draining: watch::Sender<bool>,
}

impl App {
    /// Assembles a server; [`serve`](super::serve) runs it. `metrics` should be the ones the arbiter was started with.
    #[must_use]
    pub fn new(settings: Settings, arbiter: Arc<Arbiter>, metrics: Metrics) -> Arc<Self> {
        let connections = Arc::new(metrics.scope(|| Connections::new(&settings)));
        Arc::new(Self {
            arbiter,
            hosts: Hosts::new(&settings.allow_origin),
            origins: Origins::new(settings.allow_origin.clone()),
            foreign_log: ForeignLog::default(),
            player_log: PlayerLog::new(),
            connections,
            tcp_connections: ConnectionLimit::new(settings.max_connections),
            settings,
            metrics,
            draining: watch::Sender::new(false),
        })
    }

    /// Starts the shutdown.
    pub(super) fn start_draining(&self) {
        self.draining.send_replace(true);
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Ready once the shutdown has started.
    pub(super) async fn draining(&self) {
        // `wait_for` cannot fail, because `self` holds the sender.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }
}
