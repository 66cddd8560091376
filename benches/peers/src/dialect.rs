//! How each kind of server is spoken to. All say the same: join, select, its reply, and the broadcast of a grant.

use std::io::Write;

use super::ws;

/// The messages of a kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `asset-arbiter.v1`, or as much of it as a small server needs.
    Plain,
    /// Engine.IO 4 with Socket.IO's packets.
    SocketIo,
    /// Colyseus: MessagePack behind a message's name.
    Colyseus,
    /// Centrifugo's JSON, several messages a frame, one a line. It decides nothing: a select is a publication.
    Centrifugo,
}

/// What a message of a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The player is in the room.
    Joined,
    /// The reply to the player's select.
    Reply {
        /// The asset's number.
        asset: u32,
        /// Whether the player got it.
        granted: bool,
    },
    /// The broadcast of a grant.
    Granted {
        /// The asset's number.
        asset: u32,
        /// The winner's number within the room.
        winner: u32,
    },
    /// The server waits for this message.
    Answer(&'static [u8]),
    /// Nothing that matters here.
    Other,
}

/// What Colyseus' messages begin with.
mod colyseus {
    pub(super) const JOIN_ROOM: u8 = 10;
    pub(super) const ERROR: u8 = 11;
    pub(super) const ROOM_DATA: u8 = 13;
}

/// The first numbers of commands are for joining.
const CENTRIFUGO_FIRST: u32 = 10;

impl Dialect {
    /// The path a player connects to. Colyseus has another for each player.
    pub fn path(self, room: u32, member: u32) -> String {
        match self {
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
            Self::Centrifugo => "/connection/websocket".to_owned(),
            Self::Plain | Self::Colyseus => format!("/v1/rooms/r{room}/ws?player=p{member}"),
        }
    }

    /// The opcode of the messages that players send.
    pub fn opcode(self) -> u8 {
        if self == Self::Colyseus { ws::BINARY } else { ws::TEXT }
    }

    /// The message to send right after the upgrade, if there is one.
    pub fn hello(self, room: u32, member: u32) -> Option<String> {
        match self {
            Self::Plain | Self::Colyseus => None,
            Self::SocketIo => Some(format!(r#"40{{"room":"r{room}","player":"p{member}"}}"#)),
            Self::Centrifugo => Some(format!(
                "{{\"id\":1,\"connect\":{{}}}}\n{{\"id\":2,\"subscribe\":{{\"channel\":\"r{room}\"}}}}"
            )),
        }
    }

    /// Writes a select of `asset` into `out`.
    pub fn select(self, out: &mut Vec<u8>, asset: u32, room: u32, member: u32) {
        let written = match self {
            Self::Plain => {
                write!(out, r#"{{"type":"select_asset","asset":"a{asset}","request_id":"{asset}"}}"#)
            }
            Self::SocketIo => {
                write!(out, r#"42["select_asset",{{"asset":"a{asset}","request_id":"{asset}"}}]"#)
            }
            Self::Colyseus => {
                out.push(colyseus::ROOM_DATA);
                put_text(out, "select_asset");
                out.push(0x82);
                put_text(out, "asset");
                put_text(out, &format!("a{asset}"));
                put_text(out, "request_id");
                put_text(out, &asset.to_string());
                Ok(())
            }
            Self::Centrifugo => {
                let id = asset + CENTRIFUGO_FIRST;
                write!(
                    out,
                    r#"{{"id":{id},"publish":{{"channel":"r{room}","data":{{"type":"asset_granted","asset":"a{asset}","player":"p{member}","units":1,"remaining":0}}}}}}"#
                )
            }
        };
        written.expect("a vector takes everything");
    }

    /// Hands every message of a frame's payload to `found`.
    ///
    /// # Errors
    /// The server says an error, or something that cannot be read.
    pub fn read(self, payload: &[u8], mut found: impl FnMut(Event)) -> Result<(), String> {
        let bad = || format!("not understood: {}", String::from_utf8_lossy(payload));
        match self {
            Self::Plain => found(plain(payload).ok_or_else(bad)?),
            Self::SocketIo => found(socket_io(payload).ok_or_else(bad)?),
            Self::Colyseus => found(packed(payload).ok_or_else(bad)?),
            Self::Centrifugo => {
                for line in payload.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                    found(centrifugo(line).ok_or_else(bad)?);
                }
            }
        }
        Ok(())
    }
}

fn plain(text: &[u8]) -> Option<Event> {
    let kind = text.strip_prefix(br#"{"type":""#)?;
    match kind.get(..8)? {
        b"asset_gr" => granted(text),
        b"selectio" => reply(text),
        b"welcome\"" => Some(Event::Joined),
        _ if kind.starts_with(b"error") => None,
        _ => Some(Event::Other),
    }
}

fn socket_io(text: &[u8]) -> Option<Event> {
    match text {
        [b'2', ..] => Some(Event::Answer(b"3")),
        [b'0', ..] => Some(Event::Other),
        [b'4', b'0', ..] => Some(Event::Other),
        _ if text.starts_with(b"42[\"asset_granted\"") => granted(text),
        _ if text.starts_with(b"42[\"selection\"") => reply(text),
        _ if text.starts_with(b"42[\"welcome\"") => Some(Event::Joined),
        _ => None,
    }
}

fn reply(text: &[u8]) -> Option<Event> {
    let asset = number(after(text, br#""asset":"a"#)?)?;
    Some(Event::Reply { asset, granted: after(text, br#""granted":"#)?.starts_with(b"true") })
}

fn granted(text: &[u8]) -> Option<Event> {
    let asset = number(after(text, br#""asset":"a"#)?)?;
    Some(Event::Granted { asset, winner: number(after(text, br#""player":"p"#)?)? })
}

fn packed(bytes: &[u8]) -> Option<Event> {
    match *bytes.first()? {
        colyseus::JOIN_ROOM => return Some(Event::Answer(&[colyseus::JOIN_ROOM])),
        colyseus::ERROR => return None,
        colyseus::ROOM_DATA => {}
        _ => return Some(Event::Other),
    }
    let asset = || number(after(bytes, b"\xa5asset")?.get(2..)?);
    if bytes[1..].starts_with(b"\xadasset_granted") {
        Some(Event::Granted { asset: asset()?, winner: number(after(bytes, b"\xa6player")?.get(2..)?)? })
    } else if bytes[1..].starts_with(b"\xa9selection") {
        Some(Event::Reply { asset: asset()?, granted: after(bytes, b"\xa7granted")?.starts_with(b"\xc3") })
    } else if bytes[1..].starts_with(b"\xa7welcome") {
        Some(Event::Joined)
    } else {
        Some(Event::Other)
    }
}

fn centrifugo(line: &[u8]) -> Option<Event> {
    if line == b"{}" {
        return Some(Event::Answer(b"{}"));
    }
    if line.starts_with(br#"{"push":"#) {
        return if after(line, br#""pub":"#).is_some() { granted(line) } else { Some(Event::Other) };
    }
    if after(line, br#""error":"#).is_some() {
        return None;
    }
    match number(line.strip_prefix(br#"{"id":"#)?)? {
        1 => Some(Event::Other),
        2 => Some(Event::Joined),
        id => Some(Event::Reply { asset: id.checked_sub(CENTRIFUGO_FIRST)?, granted: true }),
    }
}

/// What follows `key`. `key` has at least two bytes.
fn after<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let last = text.len().checked_sub(key.len())?;
    let at =
        (0..=last).find(|&at| text[at] == key[0] && text[at + 1] == key[1] && text[at..].starts_with(key))?;
    Some(&text[at + key.len()..])
}

/// The digits that a text begins with.
fn number(text: &[u8]) -> Option<u32> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let add = |all: u32, digit: &u8| all.checked_mul(10)?.checked_add(u32::from(digit - b'0'));
    (digits > 0).then(|| text[..digits].iter().try_fold(0, add)).flatten()
}

/// A text of at most 31 bytes, as MessagePack.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(0xa0 | text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}
