use std::{
    fmt::Display,
    net::SocketAddr,
    ops::{Deref, DerefMut},
};

use asset_arbiter::model::{CloseReason, ServerMessage, Welcome};
use futures::{SinkExt, StreamExt};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{soon, spec};

/// A WebSocket of which nothing was read yet.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Pings seen so far; they are answered whenever something is read.
    pub(crate) pings: usize,
    /// The sentence of the close frame, if it had one.
    pub(crate) refusal: Option<String>,
}

/// A member of a room.
pub(crate) struct Client {
    socket: Socket,
    pub(crate) welcome: Welcome,
}

/// How the server closed a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) retry_after_ms: u64,
}

impl Client {
    /// Joins by a path and query below `/v1/rooms/`.
    pub(crate) async fn join(address: SocketAddr, path: &str) -> Self {
        Socket::open(address, path).await.welcomed().await
    }

    /// The same where a server may have reasons to close instead.
    pub(crate) async fn try_join(address: SocketAddr, path: &str) -> Result<Self, Closed> {
        Socket::open(address, path).await.try_welcomed().await
    }

    /// Joins again after a drop, as the same player, having seen room frames up to `offset`.
    pub(crate) async fn resume(&self, address: SocketAddr, epoch: &str, offset: u64) -> Self {
        let Welcome { room, player, .. } = &self.welcome;
        let player = player.as_ref().map(|player| format!("player={player}&")).unwrap_or_default();
        Self::join(address, &format!("{room}/ws?{player}epoch={epoch}&offset={offset}")).await
    }
}

impl Socket {
    /// Connects to a path and query below `/v1/rooms/`.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), path).await
    }

    /// The same with small buffers on the way, so that a client that does not read is soon felt.
    pub(crate) async fn open_narrow(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self::over(socket.connect(address).await.unwrap(), path).await
    }

    async fn over(stream: TcpStream, path: &str) -> Self {
        stream.set_nodelay(true).unwrap();
        let url = format!("ws://{}/v1/rooms/{path}", stream.peer_addr().unwrap());
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let (stream, _) = client_async_with_config(url, stream, Some(config)).await.unwrap();
        Self { stream, pings: 0, refusal: None }
    }

    /// The same with more lines in the handshake, each ended by CRLF.
    pub(crate) async fn open_with(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let handshake = handshake(path).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
        stream.write_all(handshake.as_bytes()).await.unwrap();
        Self::after_handshake(stream).await
    }

    /// Over a stream on which the handshake was written by hand; its answer is read here.
    pub(crate) async fn after_handshake(mut stream: TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the handshake", stream.read_u8()).await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        Self {
            stream: WebSocketStream::from_raw_socket(stream, Role::Client, None).await,
            pings: 0,
            refusal: None,
        }
    }

    pub(crate) async fn welcomed(self) -> Client {
        self.try_welcomed().await.unwrap_or_else(|closed| panic!("not a welcome: {closed:?}"))
    }

    pub(crate) async fn try_welcomed(mut self) -> Result<Client, Closed> {
        let text = self.text_or_closed().await?;
        match serde_json::from_str(&text) {
            Ok(ServerMessage::Welcome(welcome)) => Ok(Client { socket: self, welcome: *welcome }),
            other => panic!("not a welcome: {other:?}"),
        }
    }

    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    /// Writes without waiting for the socket to take it; [`flush`](Self::flush) sends it.
    pub(crate) async fn enqueue(&mut self, text: impl Into<String>) {
        self.stream.feed(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn flush(&mut self) {
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn select(&mut self, asset: &str, request_id: u64) {
        self.say(format!(r#"{{"type":"select_asset","asset":"{asset}","request_id":{request_id}}}"#)).await;
    }

    pub(crate) async fn release(&mut self, asset: &str, request_id: u64) {
        self.say(format!(r#"{{"type":"release_asset","asset":"{asset}","request_id":{request_id}}}"#)).await;
    }

    /// Selects and waits for the reply; room frames on the way are dropped.
    pub(crate) async fn selects(&mut self, asset: &str) -> ServerMessage {
        self.select(asset, 0).await;
        self.reply().await
    }

    /// Whether a select was granted.
    pub(crate) async fn gets(&mut self, asset: &str) -> bool {
        match self.selects(asset).await {
            ServerMessage::Selection { granted, .. } => granted,
            other => panic!("not a selection: {other:?}"),
        }
    }

    /// The same connection, to write from elsewhere while this reads.
    pub(crate) fn twin(&self) -> TcpStream {
        let twin: std::net::TcpStream = SockRef::from(self.stream.get_ref()).try_clone().unwrap().into();
        TcpStream::from_std(twin).unwrap()
    }

    /// Writes bytes as they are, past the WebSocket library.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next thing that comes: text or close frame.
    async fn next(&mut self) -> Message {
        let Self { stream, pings, .. } = self;
        let next = async {
            loop {
                match stream.next().await {
                    Some(Ok(Message::Ping(_))) => *pings += 1,
                    Some(Ok(Message::Pong(_))) => {}
                    Some(Ok(message @ (Message::Text(_) | Message::Close(_)))) => return message,
                    other => panic!("not a frame: {other:?}"),
                }
            }
        };
        soon("a frame", next).await
    }

    /// Reads until so many pings were seen (and answered), dropping the rest.
    pub(crate) async fn hear_pings(&mut self, pings: usize) {
        while self.pings < pings {
            match soon("a ping", self.stream.next()).await {
                Some(Ok(Message::Ping(_))) => self.pings += 1,
                Some(Ok(Message::Text(text))) => spec::check_frame(&text),
                other => panic!("not a ping: {other:?}"),
            }
        }
    }

    /// The next text frame, as it came.
    pub(crate) async fn text(&mut self) -> String {
        self.text_or_closed().await.unwrap_or_else(|closed| panic!("not a text: {closed:?}"))
    }

    pub(crate) async fn hear(&mut self) -> ServerMessage {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The first frame that `pick` takes; others are dropped.
    pub(crate) async fn hear_until<T>(&mut self, mut pick: impl FnMut(&ServerMessage) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(&self.hear().await) {
                return picked;
            }
        }
    }

    /// The next frame that is for this member alone; room frames on the way are dropped.
    pub(crate) async fn reply(&mut self) -> ServerMessage {
        loop {
            let text = self.text().await;
            if !text.contains(r#""offset":"#) {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Shows that everything sent before was handled.
    pub(crate) async fn pinged(&mut self) {
        self.say(r#"{"type":"ping","request_id":"mark"}"#).await;
        self.hear_until(|message| matches!(message, ServerMessage::Pong { .. }).then_some(())).await;
    }

    /// How the server closes, whatever it says before.
    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            if let Err(closed) = self.text_or_closed().await {
                return closed;
            }
        }
    }

    /// The next text, or how the server closes; either is as documented.
    pub(crate) async fn text_or_closed(&mut self) -> Result<String, Closed> {
        let frame = match self.next().await {
            Message::Close(frame) => frame.expect("a close frame with a code"),
            other => {
                let text = other.into_text().unwrap().as_str().to_owned();
                spec::check_frame(&text);
                return Ok(text);
            }
        };
        spec::check_close(&frame.reason);
        let CloseReason { code, retry_after_ms, message } = serde_json::from_str(&frame.reason).unwrap();
        assert_eq!(code, u16::from(frame.code), "the reason repeats the code");
        self.refusal = message;
        Err(Closed { code, retry_after_ms })
    }

    /// Closes in good order and waits until the server has, too.
    pub(crate) async fn leave(&mut self) {
        self.stream.close(None).await.unwrap();
        while let Some(Ok(_)) = soon("the end", self.stream.next()).await {}
    }
}

impl Deref for Client {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.socket
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

/// The request that opens a WebSocket at a path and query below `/v1/rooms/`.
pub(crate) fn handshake(path: &str) -> String {
    format!(
        "GET /v1/rooms/{path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A text frame as a client sends it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// The frame of a `select_asset`.
pub(crate) fn select(asset: impl Display, request_id: usize) -> Vec<u8> {
    text(&format!(r#"{{"type":"select_asset","asset":"{asset}","request_id":{request_id}}}"#))
}

/// A frame as a client sends it: masked, here with zeros. `first` is FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}
