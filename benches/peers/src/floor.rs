//! The floor: a server on raw epoll that counts and delivers and does nothing else. It reads what is there, and at the
//! end of each turn writes once to every connection that has something to send. It can also be wrong on purpose, so
//! that tests see the generator notice.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::event::epoll;
use rustix::fd::OwnedFd;

use super::ws;

const LISTENER: u64 = u64::MAX;

/// What the server does wrong, with every tenth asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// Two players get it.
    GrantTwice,
    /// The second player is told that it is granted, and nobody hears of it.
    GrantTwiceInSilence,
    /// Nobody gets it.
    GrantNobody,
    /// One member does not hear of the grant.
    ForgetBroadcast,
    /// One member hears of the grant twice.
    TellTwice,
    /// Another player than the winner is announced.
    AnnounceAnother,
    /// A denied player has no reply.
    LoseReply,
}

impl Flaw {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 8] = [
        ("none", Self::None),
        ("grant-twice", Self::GrantTwice),
        ("grant-twice-in-silence", Self::GrantTwiceInSilence),
        ("grant-nobody", Self::GrantNobody),
        ("forget-broadcast", Self::ForgetBroadcast),
        ("tell-twice", Self::TellTwice),
        ("announce-another", Self::AnnounceAnother),
        ("lose-reply", Self::LoseReply),
    ];
}

/// Serves until the process ends.
///
/// # Errors
/// The listener or epoll fails.
pub fn serve(listener: TcpListener, flaw: Flaw) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut floor = Floor {
        listener,
        epoll,
        flaw,
        players: Vec::new(),
        rooms: Vec::new(),
        numbers: HashMap::new(),
        waiting: Vec::new(),
        text: Vec::new(),
    };
    let mut events = Vec::with_capacity(1024);
    let mut buffer = vec![0; 64 << 10];
    loop {
        events.clear();
        match epoll::wait(&floor.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Err(error) if error != rustix::io::Errno::INTR => return Err(error.into()),
            _ => {}
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => floor.accept()?,
                at => floor.read(at as usize, &mut buffer),
            }
        }
        floor.flush();
    }
}

struct Floor {
    listener: TcpListener,
    epoll: OwnedFd,
    flaw: Flaw,
    players: Vec<Player>,
    rooms: Vec<Room>,
    /// Where in `rooms` a name is.
    numbers: HashMap<String, usize>,
    /// Those who have something to send.
    waiting: Vec<usize>,
    text: Vec<u8>,
}

struct Player {
    /// `None` once it is closed.
    stream: Option<TcpStream>,
    name: String,
    /// The room's place, once the player is in it.
    room: Option<usize>,
    input: Vec<u8>,
    output: Vec<u8>,
    waits: bool,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    /// What remains of each asset.
    remaining: HashMap<Vec<u8>, i64>,
}

impl Floor {
    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let data = epoll::EventData::new_u64(self.players.len() as u64);
            // Edges also tell that a full socket has room again.
            let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(&self.epoll, &stream, data, flags)?;
            self.players.push(Player {
                stream: Some(stream),
                name: String::new(),
                room: None,
                input: Vec::new(),
                output: Vec::new(),
                waits: false,
            });
        }
    }

    fn read(&mut self, at: usize, buffer: &mut [u8]) {
        loop {
            let Some(stream) = &mut self.players[at].stream else { return };
            let count = match stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return self.leave(at),
                Ok(count) => count,
            };
            let mut kept = std::mem::take(&mut self.players[at].input);
            let used = if kept.is_empty() {
                let used = self.understand(at, &mut buffer[..count]);
                kept.extend_from_slice(&buffer[used..count]);
                0
            } else {
                kept.extend_from_slice(&buffer[..count]);
                self.understand(at, &mut kept)
            };
            kept.drain(..used);
            self.players[at].input = kept;
            if count < buffer.len() {
                break;
            }
        }
        self.wait(at);
    }

    fn leave(&mut self, at: usize) {
        self.players[at].stream = None;
        if let Some(room) = self.players[at].room {
            self.rooms[room].members.retain(|&member| member != at);
        }
    }

    /// Handles the complete messages of `bytes`, and returns how long they are.
    fn understand(&mut self, at: usize, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        if self.players[at].room.is_none() {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return 0 };
            used = end + 4;
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            if self.join(at, &head).is_none() {
                self.players[at].stream = None;
            }
        }
        while let Ok(Some(frame)) = ws::parse(&bytes[used..]) {
            let payload = &mut bytes[used + frame.start..used + frame.end];
            used += frame.end;
            if let Some(mask) = frame.mask {
                ws::apply_mask(payload, mask);
            }
            if frame.opcode == ws::TEXT {
                self.select(at, payload);
            }
        }
        used
    }

    /// `GET /v1/rooms/ROOM/ws?player=NAME`. The answer to the generator's key is known, so nothing is hashed.
    fn join(&mut self, at: usize, head: &str) -> Option<()> {
        let (room, rest) = head.strip_prefix("GET /v1/rooms/")?.split_once("/ws?player=")?;
        let number = *self.numbers.entry(room.to_owned()).or_insert_with(|| {
            self.rooms.push(Room::default());
            self.rooms.len() - 1
        });
        let members = &mut self.rooms[number].members;
        members.push(at);
        let player = &mut self.players[at];
        player.room = Some(number);
        player.name = rest.split(' ').next()?.to_owned();
        let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        write!(player.output, "{upgrade}Sec-WebSocket-Accept: {}\r\n\r\n", ws::ACCEPT).ok()?;
        let (name, count) = (&player.name, members.len());
        let welcome = format!(r#"{{"type":"welcome","room":"{room}","player":"{name}","players":{count}}}"#);
        ws::put(&mut player.output, ws::TEXT, welcome.as_bytes(), None);
        Some(())
    }

    /// `{"type":"select_asset","asset":"a17","request_id":"17"}`: every asset has one unit.
    fn select(&mut self, at: usize, message: &[u8]) {
        let (Some(asset), Some(id)) = (text(message, br#""asset":""#), text(message, br#""request_id":""#))
        else {
            return;
        };
        let Some(number) = self.players[at].room else { return };
        let remaining = match self.rooms[number].remaining.get_mut(asset) {
            Some(remaining) => remaining,
            None => self.rooms[number].remaining.entry(asset.to_vec()).or_insert(1),
        };
        *remaining -= 1;
        let taken = (1 - *remaining) as usize;
        let flaw = if asset.ends_with(b"0") { self.flaw } else { Flaw::None };
        let granted = match flaw {
            Flaw::GrantTwice | Flaw::GrantTwiceInSilence => taken <= 2,
            Flaw::GrantNobody => false,
            _ => taken == 1,
        };
        if flaw != Flaw::LoseReply || taken != 2 {
            let (asset, id) = (String::from_utf8_lossy(asset), String::from_utf8_lossy(id));
            self.text.clear();
            let reason = if granted { "" } else { r#""reason":"sold_out","# };
            let written = write!(
                self.text,
                r#"{{"type":"selection","request_id":"{id}","asset":"{asset}","granted":{granted},{reason}"remaining":0}}"#
            );
            written.expect("a vector takes everything");
            ws::put(&mut self.players[at].output, ws::TEXT, &self.text, None);
            self.wait(at);
        }
        if granted && (taken == 1 || flaw != Flaw::GrantTwiceInSilence) {
            self.announce(number, at, &String::from_utf8_lossy(asset), flaw);
        }
    }

    fn announce(&mut self, room: usize, winner: usize, asset: &str, flaw: Flaw) {
        let winner = if flaw == Flaw::AnnounceAnother { self.another(room, winner) } else { winner };
        let player = &self.players[winner].name;
        let text = format!(
            r#"{{"type":"asset_granted","asset":"{asset}","player":"{player}","units":1,"remaining":0}}"#
        );
        let mut frame = Vec::with_capacity(text.len() + 4);
        ws::put(&mut frame, ws::TEXT, text.as_bytes(), None);
        for index in 0..self.rooms[room].members.len() {
            let member = self.rooms[room].members[index];
            let times = match flaw {
                Flaw::ForgetBroadcast if index == 1 => 0,
                Flaw::TellTwice if index == 1 => 2,
                _ => 1,
            };
            for _ in 0..times {
                self.players[member].output.extend_from_slice(&frame);
            }
            self.wait(member);
        }
    }

    fn another(&self, room: usize, winner: usize) -> usize {
        self.rooms[room].members.iter().copied().find(|&member| member != winner).unwrap_or(winner)
    }

    fn wait(&mut self, at: usize) {
        let player = &mut self.players[at];
        if !player.waits && !player.output.is_empty() {
            player.waits = true;
            self.waiting.push(at);
        }
    }

    fn flush(&mut self) {
        for at in self.waiting.drain(..) {
            let player = &mut self.players[at];
            player.waits = false;
            let Some(stream) = &mut player.stream else { continue };
            if let Ok(count) = stream.write(&player.output) {
                player.output.drain(..count);
            }
        }
        // A burst's memory is not kept.
        self.waiting.shrink_to(4096);
    }
}

/// The text that follows `key`, up to its quote.
fn text<'a>(message: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = message.windows(key.len()).position(|window| window == key)? + key.len();
    let length = message[start..].iter().position(|&byte| byte == b'"')?;
    Some(&message[start..start + length])
}
