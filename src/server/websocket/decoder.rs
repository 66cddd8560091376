//! Decodes a client's frames (RFC 6455, 5): bytes in, messages out, no I/O.

use std::borrow::Cow;

use thiserror::Error;

use crate::model::Opcode;

/// Bytes of a control frame's payload (RFC 6455, 5.5).
const CONTROL_PAYLOAD: usize = 125;
/// The longest header of a client's frame: two bytes, a length of eight, and the mask.
const LONGEST_HEADER: usize = 14;

/// A client's message or control frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A complete text message.
    Text(Cow<'a, str>),
    /// A complete binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping, to be answered by a pong with the same payload.
    Ping(Cow<'a, [u8]>),
    /// A pong.
    Pong(Cow<'a, [u8]>),
    /// The client closes the connection; `None`: without a code.
    Close(Option<u16>),
}

/// The client violated the WebSocket protocol or the limit of a message. The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Violation {
    /// A frame is not allowed (close code 1002).
    #[error("{0}")]
    Protocol(&'static str),
    /// A text is not UTF-8 (close code 1007).
    #[error("a text is not UTF-8")]
    InvalidText,
    /// A message is longer than the limit (close code 1009).
    #[error("a message is too big")]
    TooBig,
}

/// The decoder of one connection. Between messages it keeps no memory besides itself.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
    /// A header, frame or message that has begun. Boxed, because it seldom exists between two reads.
    begun: Option<Box<Begun>>,
}

/// What has arrived of a header, a frame and a message.
#[derive(Debug, Default)]
struct Begun {
    header: [u8; LONGEST_HEADER],
    header_len: usize,
    frame: Option<Frame>,
    /// `None`: no data message has begun.
    message: Option<Message>,
    /// The payload of a control frame. It may arrive between the frames of a message.
    control: Vec<u8>,
}

/// A frame whose payload arrives.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    /// The mask of the next byte comes first.
    mask: [u8; 4],
    missing: usize,
}

/// A data message whose frames arrive.
#[derive(Debug)]
struct Message {
    is_text: bool,
    payload: Vec<u8>,
    /// Bytes of the payload known to be UTF-8.
    valid: usize,
}

impl Decoder {
    /// A decoder that refuses messages of more than `max_message` bytes, before it keeps them.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self { max_message, begun: None }
    }

    /// Decodes at most one message from the beginning of `input`, and returns how many bytes it used. `None`: all bytes
    /// were used, and none completed a message. The payload is unmasked in place.
    ///
    /// # Errors
    /// [`Violation`]; the decoder must not be used any more.
    pub fn decode<'a>(&mut self, input: &'a mut [u8]) -> Result<(usize, Option<Incoming<'a>>), Violation> {
        // Nearly all messages are one frame that arrived as a whole; they are not copied.
        if self.begun.is_none()
            && let Some((frame, start)) = Frame::parse(input)?
            && frame.fin
            && frame.opcode != Opcode::Continuation
        {
            frame.check_size(0, self.max_message)?;
            let end = start + frame.missing;
            if input.len() >= end {
                let payload = &mut input[start..end];
                unmask(payload, frame.mask);
                return Ok((end, Some(frame.opcode.incoming(Cow::Borrowed(payload))?)));
            }
        }
        let begun = self.begun.get_or_insert_default();
        let (used, incoming) = begun.take(input, self.max_message)?;
        if begun.is_over() {
            self.begun = None;
        }
        Ok((used, incoming))
    }
}

impl Begun {
    fn take(
        &mut self,
        input: &mut [u8],
        max_message: usize,
    ) -> Result<(usize, Option<Incoming<'static>>), Violation> {
        let mut used = 0;
        loop {
            let rest = &mut input[used..];
            let Some(mut frame) = self.frame else {
                let (taken, complete) = self.take_header(rest, max_message)?;
                used += taken;
                if complete {
                    continue;
                }
                return Ok((used, None));
            };
            let taken = frame.missing.min(rest.len());
            let payload = &mut rest[..taken];
            unmask(payload, frame.mask);
            frame.mask.rotate_left(taken % 4);
            frame.missing -= taken;
            used += taken;
            self.frame = (frame.missing > 0).then_some(frame);
            let incoming = self.take_payload(frame, payload)?;
            if incoming.is_some() || self.frame.is_some() {
                return Ok((used, incoming));
            }
        }
    }

    /// Takes the rest of a header. Returns the bytes used, and whether the header is complete.
    fn take_header(&mut self, input: &[u8], max_message: usize) -> Result<(usize, bool), Violation> {
        let before = self.header_len;
        let taken = (LONGEST_HEADER - before).min(input.len());
        self.header[before..before + taken].copy_from_slice(&input[..taken]);
        let Some((frame, len)) = Frame::parse(&self.header[..before + taken])? else {
            self.header_len += taken;
            return Ok((taken, false));
        };
        self.header_len = 0;
        match (frame.opcode, &self.message) {
            (Opcode::Continuation, None) => return Err(Violation::Protocol("a continuation of no message")),
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::Protocol("a message began before the last one ended"));
            }
            (Opcode::Text | Opcode::Binary, None) => {
                let is_text = frame.opcode == Opcode::Text;
                self.message = Some(Message { is_text, payload: Vec::new(), valid: 0 });
            }
            _ => {}
        }
        let before_it = self.message.as_ref().map_or(0, |message| message.payload.len());
        frame.check_size(before_it, max_message)?;
        self.frame = Some(frame);
        Ok((len - before, true))
    }

    /// Takes unmasked bytes of `frame`, and returns what they complete.
    fn take_payload(&mut self, frame: Frame, bytes: &[u8]) -> Result<Option<Incoming<'static>>, Violation> {
        let is_whole = frame.missing == 0;
        if frame.opcode.is_control() {
            self.control.extend_from_slice(bytes);
            return if is_whole {
                let payload = std::mem::take(&mut self.control);
                frame.opcode.incoming(Cow::Owned(payload)).map(Some)
            } else {
                Ok(None)
            };
        }
        let Some(message) = &mut self.message else { return Ok(None) };
        message.take(bytes)?;
        if !(is_whole && frame.fin) {
            return Ok(None);
        }
        let opcode = if message.is_text { Opcode::Text } else { Opcode::Binary };
        let payload = std::mem::take(&mut message.payload);
        self.message = None;
        opcode.incoming(Cow::Owned(payload)).map(Some)
    }

    fn is_over(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }
}

impl Message {
    /// Appends bytes. A text that is wrong is refused at its first wrong byte, not only at its end.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.payload.extend_from_slice(bytes);
        if self.is_text {
            match std::str::from_utf8(&self.payload[self.valid..]) {
                Ok(_) => self.valid = self.payload.len(),
                // A character may go on in the next bytes.
                Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
                Err(_) => return Err(Violation::InvalidText),
            }
        }
        Ok(())
    }
}

impl Frame {
    /// Parses a header. Returns the frame and the header's length, or `None` if bytes are missing.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, ..] = *bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Violation::Protocol("a reserved bit is set, but no extension was agreed on"));
        }
        let (fin, opcode) = (first & 0x80 != 0, Opcode::parse(first & 0x0F)?);
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a client's frame is not masked"));
        }
        let short = usize::from(second & 0x7F);
        if opcode.is_control() && (!fin || short > CONTROL_PAYLOAD) {
            return Err(Violation::Protocol("a control frame is fragmented or longer than 125 bytes"));
        }
        let (length, at) = match short {
            126 => (bytes.get(2..4).map(|bytes| bytes.iter().fold(0, |sum, &b| sum << 8 | u64::from(b))), 4),
            127 => (bytes.get(2..10).map(|bytes| bytes.iter().fold(0, |sum, &b| sum << 8 | u64::from(b))), 10),
            short => (Some(short as u64), 2),
        };
        let (Some(length), Some(&[a, b, c, d])) = (length, bytes.get(at..at + 4)) else { return Ok(None) };
        // A length that does not fit is beyond every limit.
        let missing = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Some((Self { opcode, fin, mask: [a, b, c, d], missing }, at + 4)))
    }

    /// Refuses a frame that makes its message too long.
    fn check_size(&self, before_it: usize, max_message: usize) -> Result<(), Violation> {
        let fits = self.opcode.is_control() || self.missing <= max_message.saturating_sub(before_it);
        if fits { Ok(()) } else { Err(Violation::TooBig) }
    }
}

impl Opcode {
    fn parse(bits: u8) -> Result<Self, Violation> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return Err(Violation::Protocol("a frame's opcode is reserved")),
        })
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// A complete message of this kind.
    fn incoming(self, payload: Cow<'_, [u8]>) -> Result<Incoming<'_>, Violation> {
        Ok(match self {
            Self::Continuation | Self::Binary => Incoming::Binary(payload),
            Self::Text => Incoming::Text(text(payload)?),
            Self::Ping => Incoming::Ping(payload),
            Self::Pong => Incoming::Pong(payload),
            Self::Close => Incoming::Close(close_code(&payload)?),
        })
    }
}

fn text(payload: Cow<'_, [u8]>) -> Result<Cow<'_, str>, Violation> {
    match payload {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Violation::InvalidText)
        }
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Violation::InvalidText),
    }
}

/// The code of a close frame, which is followed by a reason (RFC 6455, 5.5.1).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match *payload {
        [] => Ok(None),
        [_] => Err(Violation::Protocol("a close code has two bytes")),
        [high, low, ref reason @ ..] => {
            let code = u16::from_be_bytes([high, low]);
            // RFC 6455, 7.4, and the codes registered since. The others must not be sent.
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(Violation::Protocol("a close code is reserved"));
            }
            std::str::from_utf8(reason).map_err(|_| Violation::InvalidText)?;
            Ok(Some(code))
        }
    }
}

/// Unmasks eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d].iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests;
