use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpSocket, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::support::{
    handshake,
    tokens::{bearer, token_with},
};

const CLOSE: u8 = 8;

/// A connection that may write anything.
pub(crate) struct Wire {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: OwnedWriteHalf,
}

/// Understands as much of what comes as is needed to count it.
pub(crate) struct Incoming {
    stream: OwnedReadHalf,
    read: Vec<u8>,
}

/// A connection from an address of this machine. `narrow`: with as little room on the way as there can be.
pub(crate) async fn connect(server: SocketAddr, from: Ipv4Addr, narrow: bool) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if narrow {
        socket.set_recv_buffer_size(4096)?;
    }
    socket.bind(SocketAddr::new(from.into(), 0))?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A token for every room.
pub(crate) fn token(player: &str) -> String {
    token_with(player, serde_json::json!({"arbiter": {"rooms": ["*"]}}))
}

/// The request that opens a WebSocket to a room with a token.
pub(crate) fn knock(room: &str, token: &str) -> Vec<u8> {
    let end = format!("\r\n{}\r\n", bearer(token));
    handshake(&format!("{room}/ws")).replace("\r\n\r\n", &end).into_bytes()
}

impl Wire {
    pub(crate) async fn open(server: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let (stream, outgoing) = connect(server, from, false).await?.into_split();
        Ok(Self { incoming: Incoming { stream, read: Vec::new() }, outgoing })
    }

    /// Opens a WebSocket.
    pub(crate) async fn join(server: SocketAddr, from: Ipv4Addr, room: &str, token: &str) -> io::Result<Self> {
        let mut wire = Self::open(server, from).await?;
        wire.write(&knock(room, token)).await?;
        match &*wire.incoming.status().await? {
            "101" => Ok(wire),
            status => Err(io::Error::other(status)),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outgoing.write_all(bytes).await
    }

    /// Sends a request and reads the whole answer: its status.
    pub(crate) async fn ask(&mut self, request: &str) -> io::Result<String> {
        self.write(request.as_bytes()).await?;
        self.incoming.answer().await
    }
}

impl Incoming {
    /// Reads the head of an answer, and returns its status.
    pub(crate) async fn status(&mut self) -> io::Result<String> {
        Ok(status(&self.head().await?))
    }

    /// Reads an answer to its end, and returns its status.
    async fn answer(&mut self) -> io::Result<String> {
        let head = self.head().await?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if let Some(length) = length {
            let length: usize = length.parse().unwrap();
            while self.read.len() < length {
                self.fill().await?;
            }
        } else {
            while !self.read.ends_with(b"\r\n0\r\n\r\n") {
                let seen = self.read.len().saturating_sub(8);
                self.read.drain(..seen);
                self.fill().await?;
            }
        }
        self.read.clear();
        Ok(status(&head))
    }

    async fn head(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<_> = self.read.drain(..end + 4).collect();
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            self.fill().await?;
        }
    }

    /// The next frame: its opcode and payload.
    pub(crate) async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = self.take_frame() {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    /// How the server ends a WebSocket, whatever comes before: the close code, or `cut`.
    pub(crate) async fn ending(&mut self) -> String {
        loop {
            match self.frame().await {
                Ok((CLOSE, payload)) => return close_code(&payload),
                Ok(_) => {}
                Err(_) => return "cut".to_owned(),
            }
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Takes the first complete frame from the bytes read.
    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let read = &mut self.read;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let (head, length) = match *read.get(1)? {
            126 => (4, number(read.get(2..4)?)),
            127 => (10, number(read.get(2..10)?)),
            short => (2, short.into()),
        };
        let payload = read.get(head..head + length)?.to_vec();
        let opcode = read[0] & 0x0f;
        read.drain(..head + length);
        Some((opcode, payload))
    }
}

fn status(head: &str) -> String {
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// The code of a close frame.
pub(crate) fn close_code(payload: &[u8]) -> String {
    payload.first_chunk().map_or("no code".to_owned(), |code| u16::from_be_bytes(*code).to_string())
}
