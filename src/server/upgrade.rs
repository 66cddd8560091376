use std::future::Future;

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade},
    http::{Request, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::{error::HttpError, linger::Linger, session::Socket, websocket::WebSocket};
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
    /// Accepts the handshake. Once the response is sent, a task of its own runs `serve`.
    pub(super) fn serve<F>(
        self,
        max_message: usize,
        serve: impl FnOnce(Socket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let Self { handshake, connection } = self;
        tokio::spawn(async move {
            match connection.await {
                Ok(upgraded) => {
                    let parts = upgraded.downcast::<TokioIo<Linger>>().expect("every connection is a Linger");
                    let stream = parts.io.into_inner().upgraded();
                    serve(WebSocket::new(stream, parts.read_buf.into(), max_message)).await;
                }
                Err(error) => tracing::debug!(%error, "the connection ended during the handshake"),
            }
        });
        handshake.protocols([PROTOCOL]).on_upgrade(async |_| {})
    }
}
