//! The players' connections: one thread, one epoll, reused buffers, one write for all that a turn has to say.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use super::dialect::{Dialect, Event};
use super::matchmaker::Matchmaker;
use super::ws;

/// Read at once. A thousand small messages fit.
const READ_BUFFER: usize = 128 << 10;
/// Connections looked at in one turn.
const EVENTS: usize = 1024;
/// Any key but zero, so that unmasking costs the server what it always costs.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// All connections to one server.
pub struct Net {
    address: SocketAddr,
    dialect: Dialect,
    matchmaker: Matchmaker,
    epoll: OwnedFd,
    players: Vec<Player>,
    events: Vec<epoll::Event>,
    buffer: Box<[u8]>,
    payload: Vec<u8>,
    waiting: Vec<usize>,
}

/// What a player received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// The player, counted over all rooms.
    pub player: usize,
    /// The player's room.
    pub room: u32,
    /// The player's number within the room.
    pub member: u32,
    /// When the bytes were read.
    pub at: Instant,
    /// What they say.
    pub event: Event,
}

struct Player {
    stream: TcpStream,
    room: u32,
    member: u32,
    upgraded: bool,
    /// Bytes of a message that has not arrived in full.
    input: Vec<u8>,
    /// Bytes that are to be sent at the end of the turn.
    output: Vec<u8>,
    /// Whether the player is in `Net::waiting`.
    waits: bool,
    /// Whether the socket took no more.
    blocked: bool,
    /// Whether epoll tells when the socket takes more.
    watched: bool,
}

impl Net {
    /// No connection yet.
    ///
    /// # Errors
    /// There is no epoll.
    pub fn new(address: SocketAddr, dialect: Dialect) -> io::Result<Self> {
        Ok(Self {
            address,
            dialect,
            matchmaker: Matchmaker::new(address),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            players: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; READ_BUFFER].into(),
            payload: Vec::new(),
            waiting: Vec::new(),
        })
    }

    /// Connects another player, who has joined once `Event::Joined` was received. Players are numbered from 0.
    ///
    /// # Errors
    /// The server does not accept.
    pub fn connect(&mut self, room: u32, member: u32) -> Result<(), String> {
        let path = match self.dialect {
            Dialect::Colyseus => self.matchmaker.seat(room, member)?,
            _ => self.dialect.path(room, member),
        };
        let stream = TcpStream::connect(self.address).map_err(|error| format!("cannot connect: {error}"))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
        let data = epoll::EventData::new_u64(self.players.len() as u64);
        set.and_then(|()| Ok(epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?))
            .map_err(|error| format!("cannot use a socket: {error}"))?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
            self.address,
            ws::KEY
        );
        let (input, output) = (Vec::new(), request.into_bytes());
        let at = self.players.len();
        self.players.push(Player {
            stream,
            room,
            member,
            upgraded: false,
            input,
            output,
            waits: false,
            blocked: false,
            watched: false,
        });
        self.players[at].flush(&self.epoll, at)
    }

    /// Queues a select until `flush`.
    pub fn select(&mut self, at: usize, asset: u32) {
        let player = &mut self.players[at];
        self.payload.clear();
        self.dialect.select(&mut self.payload, asset, player.room, player.member);
        self.send(at, self.dialect.opcode());
    }

    /// Sends all that was queued.
    ///
    /// # Errors
    /// A connection is gone.
    pub fn flush(&mut self) -> Result<(), String> {
        for at in self.waiting.drain(..) {
            let player = &mut self.players[at];
            player.waits = false;
            player.flush(&self.epoll, at)?;
        }
        Ok(())
    }

    /// Waits at most that long, and appends what was received. Answers by itself what belongs to a connection alone.
    ///
    /// # Errors
    /// A connection is gone, or a server says what cannot be understood.
    pub fn poll(&mut self, wait: Duration, received: &mut Vec<Received>) -> Result<(), String> {
        let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, Some(&timeout)) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(format!("epoll: {error}")),
            _ => {}
        }
        for index in 0..self.events.len() {
            let event = self.events[index];
            let (at, flags) = (event.data.u64() as usize, event.flags);
            if flags.contains(epoll::EventFlags::OUT) {
                self.players[at].blocked = false;
                self.players[at].flush(&self.epoll, at)?;
            }
            if flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR) {
                self.read(at, received)?;
            }
        }
        Ok(())
    }

    /// Queues `payload` as a message.
    fn send(&mut self, at: usize, opcode: u8) {
        let player = &mut self.players[at];
        ws::put(&mut player.output, opcode, &self.payload, Some(MASK));
        if !player.waits {
            player.waits = true;
            self.waiting.push(at);
        }
    }

    fn read(&mut self, at: usize, received: &mut Vec<Received>) -> Result<(), String> {
        let player = &mut self.players[at];
        let name = || format!("p{} of r{}", player.member, player.room);
        let count = match player.stream.read(&mut self.buffer) {
            Ok(0) => return Err(format!("the server closed the connection of {}", name())),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(format!("the connection of {} is gone: {error}", name())),
        };
        let now = Instant::now();
        if player.input.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            let used = self.understand(at, &buffer[..count], now, received);
            self.buffer = buffer;
            let rest = &self.buffer[used?..count];
            self.players[at].input.extend_from_slice(rest);
        } else {
            let mut input = std::mem::take(&mut player.input);
            input.extend_from_slice(&self.buffer[..count]);
            let used = self.understand(at, &input, now, received)?;
            input.drain(..used);
            self.players[at].input = input;
        }
        Ok(())
    }

    /// Reads the complete messages of `bytes`, and returns how long they are.
    fn understand(
        &mut self,
        at: usize,
        bytes: &[u8],
        now: Instant,
        received: &mut Vec<Received>,
    ) -> Result<usize, String> {
        let mut used = 0;
        if !self.players[at].upgraded {
            used = response(bytes)?;
            if used == 0 {
                return Ok(0);
            }
            self.upgraded(at);
        }
        while let Some(frame) = ws::parse(&bytes[used..])? {
            let payload = &bytes[used + frame.start..used + frame.end];
            used += frame.end;
            match frame.opcode {
                ws::TEXT | ws::BINARY => self.message(at, payload, now, received)?,
                ws::PING => {
                    self.payload.clear();
                    self.payload.extend_from_slice(payload);
                    self.send(at, ws::PONG);
                }
                ws::PONG => {}
                _ => return Err(format!("closed by the server: {}", String::from_utf8_lossy(payload))),
            }
        }
        Ok(used)
    }

    fn message(
        &mut self,
        at: usize,
        payload: &[u8],
        now: Instant,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let (room, member) = (self.players[at].room, self.players[at].member);
        let mut answer = None;
        self.dialect.read(payload, |event| match event {
            Event::Answer(bytes) => answer = Some(bytes),
            Event::Other => {}
            event => received.push(Received { player: at, room, member, at: now, event }),
        })?;
        if let Some(bytes) = answer {
            self.payload.clear();
            self.payload.extend_from_slice(bytes);
            self.send(at, self.dialect.opcode());
        }
        Ok(())
    }

    fn upgraded(&mut self, at: usize) {
        let player = &mut self.players[at];
        player.upgraded = true;
        player.output = Vec::new();
        if let Some(hello) = self.dialect.hello(player.room, player.member) {
            self.payload.clear();
            self.payload.extend_from_slice(hello.as_bytes());
            self.send(at, self.dialect.opcode());
        }
    }
}

impl Player {
    /// Writes what the socket takes.
    fn flush(&mut self, poll: &OwnedFd, at: usize) -> Result<(), String> {
        if self.blocked || self.output.is_empty() {
            return Ok(());
        }
        let before = self.output.len();
        match self.stream.write(&self.output) {
            Ok(all) if all == before => self.output.clear(),
            Ok(some) => drop(self.output.drain(..some)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(format!("p{} of r{} cannot send: {error}", self.member, self.room)),
        }
        self.blocked = !self.output.is_empty();
        if self.blocked != self.watched {
            self.watched = self.blocked;
            let out = if self.blocked { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let data = epoll::EventData::new_u64(at as u64);
            epoll::modify(poll, &self.stream, data, epoll::EventFlags::IN | out)
                .map_err(|error| format!("epoll: {error}"))?;
        }
        Ok(())
    }
}

/// The length of the response to an upgrade; 0 while it is not complete.
fn response(bytes: &[u8]) -> Result<usize, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(0) };
    let head = String::from_utf8_lossy(&bytes[..end]);
    if !head.starts_with("HTTP/1.1 101") || !head.contains(ws::ACCEPT) {
        return Err(format!("no upgrade: {head}"));
    }
    Ok(end + 4)
}
