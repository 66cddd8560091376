use std::sync::Arc;

use metrics::gauge;
use tokio_util::sync::CancellationToken;

use super::{
    Metrics, Settings, TokenKey, Tokens, WebhookSecret, connection_limit::ConnectionLimit,
    connections::Connections, foreign_log::ForeignLog, hosts::Hosts, large_answers::LargeAnswers,
    limits::Limits, player_log::PlayerLog, tls::Tls, webhooks::Webhooks,
};
use crate::arbiter::Arbiter;

/// The state shared by all connections of one server.
pub struct App {
    pub(super) arbiter: Arc<Arbiter>,
    pub(super) settings: Settings,
    pub(super) hosts: Hosts,
    pub(super) foreign_log: ForeignLog,
    pub(super) player_log: PlayerLog,
    /// The members' open connections.
    pub(super) connections: Arc<Connections>,
    /// The open TCP connections, members' included.
    pub(super) tcp_connections: Arc<ConnectionLimit>,
    /// `None`: the port speaks plain HTTP.
    pub(super) tls: Option<Arc<Tls>>,
    /// `None`: nobody is asked for a player token.
    pub(super) tokens: Option<Arc<Tokens>>,
    /// `None`: events are only handed out to readers.
    pub(super) webhooks: Option<Arc<Webhooks>>,
    pub(super) metrics: Metrics,
    /// Limits by address and player.
    pub(super) limits: Arc<Limits>,
    /// The large rooms that are being sent over HTTP.
    pub(super) large_answers: Arc<LargeAnswers>,
    /// Cancelled when the shutdown starts.
    pub(super) draining: CancellationToken,
}

impl App {
    /// Assembles a server; [`serve`](super::serve) runs it. `metrics` should be the ones the arbiter was started with.
    #[must_use]
    pub fn new(settings: Settings, arbiter: Arc<Arbiter>, metrics: Metrics) -> Arc<Self> {
        let connections = Arc::new(metrics.scope(|| Connections::new(&settings)));
        metrics.scope(|| gauge!("asset_arbiter_max_connections")).set(settings.max_connections as f64);
        let tls = settings.tls.clone().map(|certificate| metrics.scope(|| Tls::new(certificate)));
        let webhooks = settings.webhook.as_ref();
        let webhooks = webhooks.map(|webhook| metrics.scope(|| Webhooks::new(webhook, &arbiter)));
        Arc::new(Self {
            arbiter,
            hosts: Hosts::new(&settings.allow_origin),
            foreign_log: ForeignLog::default(),
            player_log: PlayerLog::default(),
            connections,
            tcp_connections: ConnectionLimit::new(settings.max_connections),
            tls,
            webhooks,
            tokens: settings.tokens.are_used().then(|| Tokens::new(&settings.tokens)),
            limits: metrics.scope(|| Limits::new(&settings)),
            large_answers: LargeAnswers::new(),
            settings,
            metrics,
            draining: CancellationToken::new(),
        })
    }

    /// Reads again what may have changed since the start: the TLS certificate.
    pub fn reload(&self) {
        if let Some(tls) = &self.tls {
            tls.reload();
        }
    }

    /// Replaces the keys of `--token-key`. Connections keep what their tokens allowed.
    pub fn replace_token_keys(&self, keys: Vec<TokenKey>) {
        if let Some(tokens) = &self.tokens {
            tokens.reload(keys);
        }
    }

    /// Replaces the secrets of `--webhook-secret-file`.
    pub fn replace_webhook_secrets(&self, secrets: Vec<WebhookSecret>) {
        if let Some(webhooks) = &self.webhooks {
            webhooks.replace_secrets(secrets);
        }
    }
}
