//! A server that echoes messages, and otherwise does what a session does: it answers pings, and closes with the client's
//! code or with that of the violation.

use std::{future::poll_fn, io, time::Duration};

use asset_arbiter::{
    model::{
        Opcode, append_frame,
        limits::{LINGER_SECS, READ_BUFFER},
    },
    server::websocket::{Ended, Incoming, Violation, WebSocket},
};
use axum::{Router, body::Body, extract::Request, response::Response, routing::any, serve::ListenerExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_util::task::AbortOnDropHandle;

/// As long as the longest message of the testsuite, which is in section 9.
const MAX_MESSAGE: usize = 16 << 20;

/// Appends the reply to a message.
pub(super) type Reply = fn(&mut Vec<u8>, &Incoming<'_>);

/// A connection after its handshake.
type Stream = TokioIo<Upgraded>;

/// The server, until it is dropped.
#[derive(Debug)]
pub(super) struct Echo {
    url: String,
    _server: AbortOnDropHandle<io::Result<()>>,
}

impl Echo {
    pub(super) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(any(move |request| upgrade(request, reply)));
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, _server: AbortOnDropHandle::new(server) }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// The right reply.
pub(super) fn reply(out: &mut Vec<u8>, incoming: &Incoming<'_>) {
    match incoming {
        Incoming::Text(text) => append_frame(out, Opcode::Text, text.as_bytes()),
        Incoming::Binary(bytes) => append_frame(out, Opcode::Binary, bytes),
        Incoming::Ping(payload) => append_frame(out, Opcode::Pong, payload),
        Incoming::Pong(_) | Incoming::Close(_) => {}
    }
}

/// Accepts a handshake, and serves the connection in a task of its own.
async fn upgrade(mut request: Request, reply: Reply) -> Response {
    let connection = hyper::upgrade::on(&mut request);
    let response = create_response(&request.map(|_| ())).expect("the handshake is valid");
    tokio::spawn(async move {
        // It begins with what arrived together with the handshake.
        let mut stream = TokioIo::new(connection.await.unwrap());
        echo(WebSocket::new(&mut stream, Vec::new(), MAX_MESSAGE), reply).await;
        linger(&mut stream).await;
    });
    response.map(|()| Body::empty())
}

/// Serves a connection until it ends.
async fn echo(mut socket: WebSocket<&mut Stream>, reply: Reply) {
    let (mut replies, mut closed) = (Vec::new(), None);
    while closed.is_none() {
        let received = poll_fn(|cx| {
            socket.poll_receive(cx, |incoming| {
                reply(&mut replies, &incoming);
                if let Incoming::Close(code) = incoming {
                    closed = Some(code);
                }
                closed.is_none()
            })
        });
        match received.await {
            Err(Ended::Io(_)) => return,
            Err(Ended::Violation(violation)) => closed = Some(Some(code_of(violation))),
            Ok(()) => {}
        }
        let sent = poll_fn(|cx| {
            socket.poll_send(cx, |out| {
                out.append(&mut replies);
                false
            })
        });
        if sent.await.is_err() {
            return;
        }
    }
    // The client may be gone.
    let _ = socket.close(closed.flatten(), "").await;
}

fn code_of(violation: Violation) -> u16 {
    match violation {
        Violation::Protocol(_) => 1002,
        Violation::InvalidText => 1007,
        Violation::TooBig => 1009,
    }
}

/// Keeps a reset from overtaking the close frame, as the server's `Linger` does.
async fn linger(stream: &mut Stream) {
    let _ = stream.shutdown().await;
    let mut unread = vec![0; READ_BUFFER];
    let read = async { while stream.read(&mut unread).await.is_ok_and(|count| count > 0) {} };
    let _ = timeout(Duration::from_secs(LINGER_SECS), read).await;
}
