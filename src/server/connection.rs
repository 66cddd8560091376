use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::{
    App,
    connection_limit::{Slot, Surplus},
    head_watch::HeadWatch,
    linger::Linger,
    timed_tcp::TimedTcp,
    transport::Transport,
};
use crate::model::limits::{HTTP_HEAD_BYTES, SURPLUS_HEAD_SECS};

/// Serves one TCP connection until it ends or becomes a WebSocket.
pub(super) async fn connection(stream: TcpStream, slot: Slot, app: Arc<App>, router: Router) {
    let surplus = slot.surplus();
    let watch = HeadWatch::new(head_time(&app, surplus.is_some()), app.settings.idle_timeout);
    let service = service_fn(|request| answer(router.clone(), surplus.as_ref(), &watch, request));
    let tcp = TimedTcp::new(stream, app.settings.write_timeout);
    let transport = match &app.tls {
        None => Transport::Plain(tcp),
        Some(tls) => {
            // In a box, so that a plain connection is no larger for it.
            let handshake = Box::pin(tls.accept(tcp));
            let accepted = tokio::select! {
                accepted = handshake => accepted,
                () = watch.late() => return,
                () = evicted(surplus.as_ref()) => return,
            };
            match accepted {
                Ok(transport) => transport,
                // Lingers, so that the peer reads why.
                Err(tcp) => return drop(Linger::new(Transport::Plain(tcp), slot, watch)),
            }
        }
    };
    let io = TokioIo::new(Linger::new(transport, slot, Arc::clone(&watch)));
    let served =
        http1::Builder::new().max_header_size(HTTP_HEAD_BYTES).serve_connection(io, service).with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = app.draining.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served => ended,
                () = watch.late() => return,
            }
        }
        () = watch.late() => return,
        () = evicted(surplus.as_ref()) => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

/// The timeout for a request's head.
fn head_time(app: &App, surplus: bool) -> Duration {
    let longest = app.settings.handshake_timeout;
    if surplus { longest.min(Duration::from_secs(SURPLUS_HEAD_SECS)) } else { longest }
}

/// Ready when this surplus connection must be closed in favour of another. Never ready for a connection within the
/// limit.
async fn evicted(surplus: Option<&Surplus>) {
    match surplus {
        Some(surplus) => surplus.evicted().await,
        None => pending().await,
    }
}

async fn answer(
    mut router: Router,
    surplus: Option<&Surplus>,
    watch: &HeadWatch,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    watch.serving();
    if let Some(surplus) = surplus {
        surplus.heard();
        request.extensions_mut().insert(surplus.clone());
    }
    let response = router.call(request).await;
    watch.answered();
    response
}
