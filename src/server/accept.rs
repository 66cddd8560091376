use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use metrics::Counter;
use tokio::net::{TcpListener, TcpStream};
use tracing::{Instrument, field::Empty};

use super::{App, connection::connection};

/// The first pause after an accept that failed for want of files or memory; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Short enough that clients in the backlog do not give up once files are free again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Failing accepts come by the thousand; one line per this time tells as much.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Accepts connections and gives each its own task. Never ends by itself: what makes accepting fail passes.
pub(super) async fn accept(listener: &TcpListener, app: &Arc<App>, router: &Router) -> Infallible {
    let mut errors = AcceptErrorLog::new(app);
    let refused = app.metrics.scope(|| metrics::counter!("asset_arbiter_connections_refused_total"));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                errors.over();
                match app.connections.take() {
                    Some(slot) => {
                        // A WebSocket fills in the rest.
                        let span = tracing::info_span!("connection", %peer, session = Empty, room = Empty);
                        let task = connection(stream_ready(stream), slot, Arc::clone(app), router.clone());
                        tokio::spawn(task.instrument(span));
                    }
                    // Closed at once: so far beyond `--max-connections` there is not even an answer.
                    None => refused.increment(1),
                }
            }
            Err(error) => errors.pass(&error).await,
        }
    }
}

/// A decision is a small frame that must not wait for the next one.
fn stream_ready(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    stream
}

/// Counts failing accepts, tells of them now and then, and slows them down.
struct AcceptErrorLog {
    errors: Counter,
    pause: Duration,
    told: Option<Instant>,
}

impl AcceptErrorLog {
    fn new(app: &App) -> Self {
        let errors = app.metrics.scope(|| metrics::counter!("asset_arbiter_accept_errors_total"));
        Self { errors, pause: FIRST_PAUSE, told: None }
    }

    fn over(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    async fn pass(&mut self, error: &io::Error) {
        self.errors.increment(1);
        if self.told.is_none_or(|told| told.elapsed() >= LOG_EVERY) {
            self.told = Some(Instant::now());
            tracing::error!(%error, "cannot accept connections; retrying (raise the open-file limit if that is it)");
        }
        // A client that went away while it waited concerns nobody else; any other error would come again at once.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }
}
