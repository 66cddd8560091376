use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::App;

/// Requests that reached a socket before the shutdown are answered. The runtime notices them only when it next polls
/// its sockets, which this pause allows for.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Answers pending requests and closes WebSockets. Returns when no connection is left, or after the drain timeout.
pub(super) async fn drain(app: &App) {
    tracing::info!(connections = app.tcp_connections.taken(), "draining");
    app.start_draining();
    app.arbiter.farewell().await;
    sleep(LAST_LOOK).await;
    app.connections.drain().await;
    if timeout(app.settings.drain_timeout, app.tcp_connections.empty()).await.is_err() {
        tracing::warn!(connections = app.tcp_connections.taken(), "drain timeout: cutting what is left");
    } else {
        tracing::info!("drained");
    }
}
