use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use hyper::header;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::model::{CloseReason, Token};

use super::{
    config::bearer,
    limits::{CONNECT_TIMEOUT, FAREWELL, MESSAGE_BYTES, SOCKET_BUFFER},
    node::Node,
    reconnect::End,
    shared::Shared,
};

/// A bot's connection.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a connection to `node` with the player's token, if it has one, with limited concurrency over all bots.
pub(super) async fn open(
    shared: &Shared,
    node: &Node,
    path: &str,
    token: Option<&Token>,
) -> Result<Socket, End> {
    let Ok(_permit) = shared.opening.acquire().await else { return Err(End::Left) };
    timeout(CONNECT_TIMEOUT, connect(shared, node, path, token))
        .await
        .unwrap_or(Err(End::Lost("connect_timeout")))
}

async fn connect(shared: &Shared, node: &Node, path: &str, token: Option<&Token>) -> Result<Socket, End> {
    let stream = TcpStream::connect(&node.addresses[..]).await.map_err(|_| End::Lost("connect_failed"))?;
    stream.set_nodelay(true).map_err(|_| End::Lost("connect_failed"))?;
    let mut request =
        format!("{}{path}", node.url).into_client_request().map_err(|_| End::Lost("handshake_failed"))?;
    if let Some(token) = token {
        let shown = bearer(token.as_str()).map_err(|_| End::NoToken("no header can carry it".into()))?;
        request.headers_mut().insert(header::AUTHORIZATION, shown);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER)
        .write_buffer_size(SOCKET_BUFFER)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let connector = Some(Connector::Rustls(Arc::clone(&shared.tls)));
    let opened = client_async_tls_with_config(request, stream, Some(config), connector).await;
    opened.map(|(socket, _)| socket).map_err(not_upgraded)
}

fn not_upgraded(error: Error) -> End {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let reason = String::from_utf8_lossy(body).chars().take(200).collect();
            End::Refused { status: response.status().as_u16(), reason }
        }
        Error::Io(_) => End::Lost("connection_lost"),
        _ => End::Lost("handshake_failed"),
    }
}

/// Interprets the server's close frame.
pub(super) fn closed(frame: Option<CloseFrame>) -> End {
    let Some(frame) = frame else { return End::Lost("connection_lost") };
    let reason = serde_json::from_str::<CloseReason>(&frame.reason).ok();
    let retry_after = reason.map(|reason| std::time::Duration::from_millis(reason.retry_after_ms));
    End::Closed { code: frame.code.into(), retry_after }
}

/// Cuts the connection without a close frame. Resets it, so that thousands of cuts leave no ports in `TIME_WAIT`.
pub(super) fn cut(socket: Socket) -> End {
    // If this fails, the connection closes normally, which is fine too.
    let _ = socket.get_ref().get_ref().set_zero_linger();
    End::Cut
}

/// Performs the close handshake, within a timeout.
pub(super) async fn say_goodbye(mut socket: Socket) {
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let farewell = async {
        if socket.send(Message::Close(Some(goodbye))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // After the timeout the socket is just dropped.
    let _ = timeout(FAREWELL, farewell).await;
}
