use std::{convert::Infallible, future::pending, io, sync::Arc, time::Duration};

use axum::{body::Body, http::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;
use tracing::Span;

use super::{
    App,
    caller::{Caller, Peer},
    client_address::counted_as,
    connection_limit::{Slot, Surplus},
    head_watch::HeadWatch,
    linger::Linger,
    port::Port,
    proxy_header,
    timed_tcp::TimedTcp,
    transport::Transport,
};
use crate::model::limits::{HTTP_HEAD_BYTES, HTTP_UNSENT_BYTES, SURPLUS_HEAD_SECS};

/// Serves one TCP connection until it ends or becomes a WebSocket.
pub(super) async fn connection(
    stream: TcpStream,
    mut peer: Peer,
    mut slot: Slot,
    app: Arc<App>,
    port: Arc<Port>,
) {
    let surplus = slot.surplus();
    let watch = HeadWatch::new(head_time(&app, slot.excess().is_some()), app.settings.idle_timeout);
    let tcp = TimedTcp::new(stream, app.settings.write_timeout);
    let transport = if peer.is_proxy || port.tls.is_some() {
        // In a box, so that a plain connection is no larger for it.
        let arriving = Box::pin(arrive(&app, &port, tcp, &mut peer, &mut slot));
        let arrived = tokio::select! {
            arrived = arriving => arrived,
            () = watch.late() => return,
            () = evicted(surplus.as_ref()) => return,
        };
        match arrived {
            Ok(transport) => transport,
            // Lingers, so that the peer reads why.
            Err(tcp) => return drop(Linger::new(Transport::Plain(tcp), slot, watch)),
        }
    } else {
        Transport::Plain(tcp)
    };
    let caller = Caller::new(&app, peer, slot.excess());
    let service = service_fn(|request| answer(&port, &caller, surplus.as_ref(), &watch, request));
    let io = TokioIo::new(Linger::new(transport, slot, Arc::clone(&watch)));
    let mut http = http1::Builder::new();
    http.max_header_size(HTTP_HEAD_BYTES).max_buf_size(HTTP_UNSENT_BYTES);
    let served = http.serve_connection(io, service).with_upgrades();
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

/// What comes before HTTP: a trusted proxy's word on who its client is, and TLS.
///
/// # Errors
/// The connection, of which nothing more is to be read.
async fn arrive(
    app: &App,
    port: &Port,
    mut tcp: TimedTcp,
    peer: &mut Peer,
    slot: &mut Slot,
) -> Result<Transport, TimedTcp> {
    if peer.is_proxy
        && let Err(error) = introduce(app, &mut tcp, peer, slot).await
    {
        tracing::debug!(%error, "a proxy's connection is refused");
        return Err(tcp);
    }
    match &port.tls {
        Some(tls) => tls.accept(tcp).await,
        None => Ok(Transport::Plain(tcp)),
    }
}

/// Reads a PROXY header, if the proxy sends one. The client that it names is then the peer.
async fn introduce(app: &App, tcp: &mut TimedTcp, peer: &mut Peer, slot: &mut Slot) -> io::Result<()> {
    let Some(client) = proxy_header::read(tcp).await? else { return Ok(()) };
    Span::current().record("client", tracing::field::display(client));
    *peer = Peer { address: client, is_proxy: app.limits.proxies.trust(client) };
    if !peer.is_proxy {
        let too_many = |_| io::Error::other("its client has too many connections (--connections-per-address)");
        slot.hold(app.limits.connect(counted_as(client)).map_err(too_many)?);
    }
    Ok(())
}

/// The timeout for a request's head.
fn head_time(app: &App, excess: bool) -> Duration {
    let longest = app.settings.handshake_timeout;
    if excess { longest.min(Duration::from_secs(SURPLUS_HEAD_SECS)) } else { longest }
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
    port: &Port,
    caller: &Caller,
    surplus: Option<&Surplus>,
    watch: &Arc<HeadWatch>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    watch.serving();
    if let Some(surplus) = surplus {
        surplus.heard();
    }
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(Arc::clone(watch));
    let response = port.router.clone().call(request).await;
    watch.answered();
    response
}
