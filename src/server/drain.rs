use tokio::time::timeout;

use super::App;

/// Ends what is open: requests are answered, WebSockets closed. Returns when all are gone or time is up.
pub(super) async fn drain(app: &App) {
    tracing::info!(connections = app.seats.taken(), "draining");
    app.start_draining();
    app.connections.drain();
    if timeout(app.settings.drain_timeout, app.seats.empty()).await.is_err() {
        tracing::warn!(connections = app.seats.taken(), "drain timeout: cutting what is left");
    } else {
        tracing::info!("drained");
    }
}
