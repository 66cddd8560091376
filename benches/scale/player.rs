//! A player's connection, as small as it can be: a socket, and no buffer while nothing is incomplete.

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
};

use rustix::{
    event::epoll::{self, EventData, EventFlags},
    fd::OwnedFd,
};
use serde::Deserialize;
use socket2::{Domain, Socket, Type};

/// A connection of the player with this number, which is also its `player` name: `p17`.
#[derive(Default)]
pub(crate) struct Player {
    stream: Option<TcpStream>,
    pub(crate) state: State,
    pub(crate) node: u16,
    /// Attempts to come back from a lost node.
    pub(crate) tries: u8,
    /// Whether the worker waits for this player to hear of the grant.
    pub(crate) awaited: bool,
    /// Grants of the room that the player knows, each from one frame or from the welcome.
    pub(crate) grants: u16,
    /// The offset of the last room frame.
    pub(crate) offset: u64,
    /// The bytes of what has not arrived in full.
    input: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Away,
    Connecting,
    /// Waits for the answer to the handshake.
    Upgrading,
    /// Waits for the welcome.
    Joining,
    Member,
}

/// A frame of the server, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) offset: Option<u64>,
    pub(crate) asset: Option<&'a str>,
    pub(crate) player: Option<&'a str>,
    pub(crate) revision: Option<u64>,
    pub(crate) granted: Option<bool>,
    #[serde(default)]
    pub(crate) assets: Vec<Asset>,
}

/// An asset in a welcome or snapshot.
#[derive(Debug, Deserialize)]
pub(crate) struct Asset {
    pub(crate) revision: u64,
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The first byte of a frame that is a whole message.
pub(crate) const LAST: u8 = 0x80;

impl Player {
    /// Begins to connect. The socket can be written once the connection is there.
    pub(crate) fn connect(&mut self, poll: &OwnedFd, number: u64, node: u16, at: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&at.into()) {
            Err(error) if !is_pending(&error) => return Err(error),
            _ => {}
        }
        let stream = TcpStream::from(socket);
        epoll::add(poll, &stream, EventData::new_u64(number), EventFlags::OUT)?;
        (self.state, self.node, self.offset) = (State::Connecting, node, 0);
        (self.stream, self.input) = (Some(stream), Vec::new());
        Ok(())
    }

    /// The connection is there, or failed.
    pub(crate) fn connected(&mut self, poll: &OwnedFd, number: u64, handshake: &[u8]) -> io::Result<()> {
        let stream = self.stream.as_ref().ok_or(ErrorKind::NotConnected)?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        epoll::modify(poll, stream, EventData::new_u64(number), EventFlags::IN)?;
        self.state = State::Upgrading;
        self.send(handshake)
    }

    /// Writes a message that is small enough for the socket to take at once.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream.as_ref().ok_or(ErrorKind::NotConnected)?;
        if stream.write(bytes)? == bytes.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
    }

    /// What has arrived, in `buffer` or in the returned bytes if there was a rest. An end of the stream is an error.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut stream = self.stream.as_ref().ok_or(ErrorKind::NotConnected)?;
        let count = io::Read::read(&mut stream, buffer)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if self.input.is_empty() {
            return Ok(Received::InBuffer(count));
        }
        let mut all = std::mem::take(&mut self.input);
        all.extend_from_slice(&buffer[..count]);
        Ok(Received::WithRest(all))
    }

    /// Keeps the bytes of an incomplete frame.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        self.input = rest.to_vec();
    }

    pub(crate) fn drop_connection(&mut self) {
        (self.stream, self.state) = (None, State::Away);
        self.input = Vec::new();
    }
}

/// Where the bytes are.
pub(crate) enum Received {
    InBuffer(usize),
    WithRest(Vec<u8>),
}

fn is_pending(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// The opcode of the first frame, where its payload begins, and where it ends. `None` if it is not complete.
pub(crate) fn frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert!(first & LAST != 0 && second & 0x80 == 0, "a server sends whole frames without a mask");
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (start, length) = match second {
        126 => (4, number(bytes.get(2..4)?)),
        127 => (10, number(bytes.get(2..10)?)),
        short => (2, short.into()),
    };
    (bytes.len() >= start + length).then_some((first & 0x0f, start, start + length))
}
