use std::{future::Future, sync::Arc};

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    http::{Request, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{error::HttpError, limits::AddressSlot, linger::Linger, session::Socket, websocket::WebSocket};
use crate::model::PROTOCOL;

/// A valid WebSocket handshake. axum checks and answers it; the connection behind it is ours.
pub(super) struct Upgrade {
    handshake: WebSocketUpgrade,
    connection: OnUpgrade,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let connection = parts.extensions.remove::<OnUpgrade>();
        if connection.is_some() {
            // axum wants a connection, too. This one never comes, and then axum does nothing.
            parts.extensions.insert(hyper::upgrade::on(Request::new(())));
        }
        let handshake = WebSocketUpgrade::from_request_parts(parts, state).await.map_err(|rejection| {
            let message = format!("this path is a WebSocket: {}", rejection.body_text());
            HttpError::bad(message).with_status(rejection.into_response().status())
        })?;
        let no_upgrade = || HttpError::bad("this connection cannot become a WebSocket");
        Ok(Self { handshake, connection: connection.ok_or_else(no_upgrade)? })
    }
}

impl Upgrade {
    /// Accepts the handshake. A task of its own then runs `open`, which sends the response before the first frame, and
    /// the session that `open` returns. `held` is kept until the socket is closed. What `open` needs is freed before the
    /// session runs.
    pub(super) fn serve<F, S>(
        self,
        max_message: usize,
        held: Option<Arc<AddressSlot>>,
        open: impl FnOnce(Socket, Vec<u8>) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = Option<S>> + Send,
        S: Future<Output = ()> + Send,
    {
        let Self { handshake, connection } = self;
        let opening = Box::pin(async move {
            let (socket, response) = established(connection, max_message, held).await?;
            open(socket, response).await
        });
        tokio::spawn(async move {
            if let Some(session) = opening.await {
                session.await;
            }
        });
        handshake.protocols([PROTOCOL]).on_upgrade(async |_| {})
    }
}

/// The WebSocket and the response to its handshake, once nothing more is sent over HTTP.
async fn established(
    connection: OnUpgrade,
    max_message: usize,
    held: Option<Arc<AddressSlot>>,
) -> Option<(Socket, Vec<u8>)> {
    let upgraded = connection.await.inspect_err(|error| {
        tracing::debug!(%error, "the connection ended during the handshake");
    });
    let parts = upgraded.ok()?.downcast::<TokioIo<Linger>>().expect("every connection is a Linger");
    let (stream, response) = parts.io.into_inner().upgraded(held);
    Some((WebSocket::new(stream, parts.read_buf.into(), max_message), response))
}
