//! The network layer: WebSocket, event streams and HTTP on one port. Depends on the arbiter and the model, never on a
//! store or a bus.

mod app;
mod settings;

mod accept;
mod ask_health;
mod caller;
mod client_address;
mod connection;
mod connection_limit;
mod head_watch;
mod large_answers;
mod leases;
mod limits;
mod linger;
mod listen;
mod port;
mod proxy_header;
mod timed_tcp;
mod tls;
mod transport;

mod cors;
mod foreign_log;
mod handshake;
mod hosts;
mod middleware;
mod routes;

mod assets;
mod backend_events;
mod event_stream;
mod events;
mod health;
mod history;
mod overview;
mod replies;
mod revocations;
mod rooms;
mod spec;
mod static_files;
mod webhooks;
mod ws;

mod body;
mod error;
mod path;
mod query;
mod trace_context;
mod whole_number;

mod access;
mod audit;
mod auth;
mod closing;
mod connections;
mod credential;
mod exporter;
mod histogram;
mod join;
mod meters;
mod metric_help;
mod operator;
mod origins;
#[cfg(feature = "otel")]
mod otlp;
mod otlp_endpoint;
mod player_log;
mod process_metrics;
mod rate_limit;
mod requests;
mod session;
mod session_token;
mod tokens;
mod upgrade;
pub mod websocket;

#[cfg(feature = "test-util")]
pub mod fuzzing;

use std::{sync::Arc, time::Duration};

pub use app::App;
pub use ask_health::{Probe, ask_health};
pub use auth::{InvalidSecret, Secret};
pub use exporter::Metrics;
pub use listen::{Listeners, listen};
pub use origins::{InvalidOrigin, Origin};
#[cfg(feature = "otel")]
pub use otlp::Otlp;
pub use otlp_endpoint::{InvalidOtlpEndpoint, OtlpEndpoint};
use port::Ports;
pub use settings::Settings;
pub use spec::{asyncapi_json, openapi_json};
pub use tls::{Certificate, CertificateError};
pub use tokens::{
    Action, Grants, InvalidJwksUrl, InvalidKeyId, InvalidPattern, InvalidTokenKey, JwksUrl, KeyId, NamePattern,
    NewKey, SigningKey, TokenAlgorithm, TokenDraft, TokenError, TokenErrorKind, TokenKey, TokenSettings,
    Tokens,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
pub use webhooks::{
    InvalidWebhookSecret, InvalidWebhookUrl, WebhookPace, WebhookSecret, WebhookSettings, WebhookUrl,
};

/// Requests that reached a socket before the shutdown are answered. The runtime notices them only when it next polls
/// its sockets, which this pause allows for.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Serves `app` on `listeners` until `shutdown` is ready, then drains: answers every request that reached a socket and
/// tells every member to reconnect elsewhere. Returns when all connections are closed, or after
/// [`Settings::drain_timeout`]. Drains too when a vital task ends; the arbiter's
/// [`failure`](crate::arbiter::Vital::failure) then gives the reason.
pub async fn serve(listeners: impl Into<Listeners>, app: Arc<App>, shutdown: impl Future<Output = ()>) {
    let ports = Ports::new(&app, listeners.into());
    let _chores = chores(&app);
    let vital = app.arbiter.vital();
    tokio::select! {
        biased;
        () = shutdown => {}
        () = vital.failed() => {}
        () = vital.guard("accepting connections", ports.accept(&app)) => {}
    }
    drop(ports);
    drain(&app).await;
}

/// Answers pending requests and closes members' connections. Returns when no connection is left, or after the drain timeout.
async fn drain(app: &App) {
    tracing::info!(connections = app.tcp_connections.taken(), "draining");
    app.draining.cancel();
    app.arbiter.farewell().await;
    sleep(LAST_LOOK).await;
    app.connections.drain().await;
    let ended = async {
        app.tcp_connections.empty().await;
        if let Some(webhooks) = &app.webhooks {
            webhooks.done().await;
        }
    };
    if timeout(app.settings.drain_timeout, ended).await.is_err() {
        tracing::warn!(connections = app.tcp_connections.taken(), "drain timeout: cutting what is left");
    } else {
        tracing::info!("drained");
    }
}

/// The background tasks. They stop when the set is dropped.
fn chores(app: &Arc<App>) -> JoinSet<()> {
    let mut chores = JoinSet::new();
    let vital = app.arbiter.vital();
    chores.spawn(vital.guard("the watch over connections", Arc::clone(&app.connections).watch()));
    chores.spawn(vital.guard("the limits' memory", Arc::clone(&app.limits).forget()));
    if let Some(tls) = &app.tls {
        chores.spawn(vital.guard("the watch over the TLS certificate", Arc::clone(tls).watch()));
    }
    if app.tokens.is_some() {
        chores.spawn(vital.guard("the revocations", Arc::clone(app.arbiter.revocations()).follow()));
        let app = Arc::clone(app);
        let end_revoked = async move {
            loop {
                app.arbiter.revocations().changed().await;
                app.connections.wake_all().await;
            }
        };
        chores.spawn(vital.guard("ending revoked connections", end_revoked));
    }
    if let Some(webhooks) = &app.webhooks {
        let deliver = Arc::clone(webhooks).run(app.draining.clone());
        chores.spawn(vital.guard("the webhook", deliver));
    }
    let sum_up = Arc::clone(app);
    chores.spawn(vital.guard("the log of players", async move { sum_up.player_log.sum_up().await }));
    chores
}
