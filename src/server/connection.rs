use std::{convert::Infallible, sync::Arc};

use axum::{Router, body::Body, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::Service;

use super::{App, linger::Linger, seats::Seat};
use crate::model::limits::HTTP_HEAD_BYTES;

/// Marks requests on a connection beyond `--max-connections`: a WebSocket is closed with 4113, anything else
/// gets 503.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surplus;

/// Serves one TCP connection until it ends or becomes a WebSocket.
pub(super) async fn connection(stream: TcpStream, seat: Seat, app: Arc<App>, router: Router) {
    let surplus = seat.surplus();
    let service = service_fn(|request| answer(router.clone(), surplus, request));
    let io = TokioIo::new(Linger::new(stream, seat, app.settings.write_timeout));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.settings.handshake_timeout)
        .max_header_size(HTTP_HEAD_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = app.draining() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

async fn answer(
    mut router: Router,
    surplus: bool,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if surplus {
        request.extensions_mut().insert(Surplus);
    }
    router.call(request).await
}
