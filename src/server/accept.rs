use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use metrics::Counter;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tracing::{Instrument, field::Empty};

use super::{
    App, Settings, caller::Peer, client_address::counted_as, connection::connection, connection_limit::Slot,
    port::Port,
};
use crate::model::{Backoff, LogThrottle};

/// The first pause after an accept fails for lack of file descriptors or memory. Doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// Short enough that clients in the backlog do not time out once descriptors are free again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Accepts can fail thousands of times a second, so errors are logged once per interval.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Accepts connections and spawns a task for each. Never returns, because accept errors are temporary.
pub(super) async fn accept(listener: &TcpListener, app: &Arc<App>, port: &Arc<Port>) -> Infallible {
    let mut errors = AcceptErrorLog::new(app);
    let refused = app.metrics.scope(|| metrics::counter!("asset_arbiter_connections_refused_total"));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                errors.backoff.reset();
                let peer_address = peer.ip();
                let is_proxy = app.limits.proxies.trust(peer_address);
                if let Some(slot) = slot(app, port, peer_address, is_proxy, &refused) {
                    // `session` and `room` are recorded when the connection becomes a WebSocket, `client` if a proxy
                    // names it.
                    let span =
                        tracing::info_span!("connection", %peer, client = Empty, session = Empty, room = Empty);
                    let peer = Peer { address: peer_address, is_proxy };
                    let task = connection(
                        stream_ready(stream, &app.settings),
                        peer,
                        slot,
                        Arc::clone(app),
                        Arc::clone(port),
                    );
                    tokio::spawn(task.instrument(span));
                }
            }
            Err(error) => errors.pass(&error).await,
        }
    }
}

/// The slot of a new connection. `None`: this far beyond a limit the socket is closed without a response. Who a proxy
/// connects for is not known yet.
fn slot(app: &App, port: &Port, peer: IpAddr, is_proxy: bool, refused: &Counter) -> Option<Slot> {
    let held = if is_proxy { None } else { app.limits.connect(counted_as(peer)).ok()? };
    let Some(mut slot) = port.connections.take() else {
        refused.increment(1);
        return None;
    };
    slot.hold(held);
    Some(slot)
}

/// Disables Nagle's algorithm: a decision is a small frame that must not wait for the next one.
fn stream_ready(stream: TcpStream, settings: &Settings) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    give_up_vanished(&stream, settings);
    stream
}

/// Lets the kernel end a connection whose peer acknowledges nothing for as long as a silent WebSocket lives. The client of
/// an event stream answers no pings, so a vanished one would stay in its room for a quarter of an hour.
#[cfg(target_os = "linux")]
fn give_up_vanished(stream: &TcpStream, settings: &Settings) {
    let patience = settings.write_timeout.max(settings.ping_interval.saturating_add(settings.ping_timeout));
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(patience)) {
        tracing::debug!(%error, "no TCP_USER_TIMEOUT");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_up_vanished(_: &TcpStream, _: &Settings) {}

/// Counts failed accepts, logs them at intervals and backs off.
struct AcceptErrorLog {
    errors: Counter,
    backoff: Backoff,
    lines: LogThrottle,
}

impl AcceptErrorLog {
    fn new(app: &App) -> Self {
        let errors = app.metrics.scope(|| metrics::counter!("asset_arbiter_accept_errors_total"));
        Self { errors, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), lines: LogThrottle::new(LOG_EVERY) }
    }

    async fn pass(&mut self, error: &io::Error) {
        self.errors.increment(1);
        if self.lines.due().is_some() {
            tracing::error!(%error, "cannot accept connections; retrying (raise the open-file limit if that is it)");
        }
        // An aborted connection affects nobody else. Any other error would recur immediately.
        if error.kind() != io::ErrorKind::ConnectionAborted {
            tokio::time::sleep(self.backoff.next_pause()).await;
        }
    }
}
