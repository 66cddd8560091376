use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::App;

/// What reached a socket before we were told to stop is answered: it takes the runtime until its next look at the
/// sockets to know of it.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// Ends what is open: requests are answered, WebSockets closed. Returns when all are gone or time is up.
pub(super) async fn drain(app: &App) {
    tracing::info!(connections = app.connections.taken(), "draining");
    app.start_draining();
    app.arbiter.farewell().await;
    sleep(LAST_LOOK).await;
    app.connections.drain().await;
    if timeout(app.settings.drain_timeout, app.connections.empty()).await.is_err() {
        tracing::warn!(connections = app.connections.taken(), "drain timeout: cutting what is left");
    } else {
        tracing::info!("drained");
    }
}
