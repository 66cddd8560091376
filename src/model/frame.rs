use std::io;

use serde::Serialize;

/// The kinds of WebSocket frames (RFC 6455, 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the RFC's")]
pub enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// The longest header of a server's frame: two bytes and a length of eight.
const LONGEST_HEADER: usize = 10;
/// The header of a frame with up to [`SHORT_PAYLOAD`] bytes.
const SHORT_HEADER: usize = 2;
/// Bytes of payload of most messages.
const USUAL_PAYLOAD: usize = 192;
/// Bytes of payload whose length fits into the second byte.
const SHORT_PAYLOAD: usize = 125;
/// The first byte's flag of a message's last frame.
const FIN: u8 = 0x80;

/// A text message as the bytes of one WebSocket frame, header included. A server's frames are not masked, so all
/// members of a room are sent the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Box<[u8]>);

impl Frame {
    /// Encodes a message as compact JSON.
    #[must_use]
    pub fn of(message: &impl Serialize) -> Self {
        Self::write(|out| write_json(out, message))
    }

    /// A frame with the JSON that `write` appends.
    pub(super) fn write(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut draft = FrameDraft::with_capacity(USUAL_PAYLOAD);
        write(&mut draft.0);
        draft.finish()
    }

    /// The bytes to send.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The payloads of consecutive frames, as a client sees them.
pub fn payloads(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (header, len) = match *frames.get(1)? {
            127 => (LONGEST_HEADER, u64::from_be_bytes(frames.get(2..10)?.try_into().ok()?) as usize),
            126 => (4, u16::from_be_bytes(frames.get(2..4)?.try_into().ok()?).into()),
            short => (SHORT_HEADER, short.into()),
        };
        let (frame, rest) = frames.split_at_checked(header.checked_add(len)?)?;
        frames = rest;
        Some(&frame[header..])
    })
}

/// A frame whose payload is still written. Space for the longest header precedes the payload.
#[derive(Debug)]
pub struct FrameDraft(Vec<u8>);

impl FrameDraft {
    /// An empty frame with memory for a payload of `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(LONGEST_HEADER + capacity);
        bytes.resize(LONGEST_HEADER, 0);
        Self(bytes)
    }

    /// Appends to the payload.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends a value as compact JSON.
    pub fn push_json(&mut self, value: &impl Serialize) {
        write_json(&mut self.0, value);
    }

    /// Appends the fields of `value`, a JSON object, without its braces.
    pub fn push_fields(&mut self, value: &impl Serialize) {
        let open = self.0.len();
        self.push_json(value);
        self.0.remove(open);
        self.0.pop();
    }

    /// Writes the header before the payload.
    #[must_use]
    pub fn finish(mut self) -> Frame {
        let (header, len) = header(Opcode::Text, self.0.len() - LONGEST_HEADER);
        let start = LONGEST_HEADER - len;
        self.0[start..LONGEST_HEADER].copy_from_slice(&header[..len]);
        Frame(self.0[start..].into())
    }
}

/// Appends one frame with a payload of raw bytes.
pub fn append_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let (header, len) = header(opcode, payload.len());
    out.extend_from_slice(&header[..len]);
    out.extend_from_slice(payload);
}

/// Appends one text frame with a message as compact JSON. Saves the copy of a [`Frame`] that is sent only once.
pub fn append_json(out: &mut Vec<u8>, message: &impl Serialize) {
    append_text(out, |out| write_json(out, message));
}

/// Appends one text frame with the payload that `write` appends.
pub(super) fn append_text(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.reserve(USUAL_PAYLOAD);
    let start = out.len();
    out.extend_from_slice(&[0; SHORT_HEADER]);
    write(out);
    let (header, len) = header(Opcode::Text, out.len() - start - SHORT_HEADER);
    out[start..start + SHORT_HEADER].copy_from_slice(&header[..SHORT_HEADER]);
    if len > SHORT_HEADER {
        // A longer message moves by the rest of its header.
        out.splice(start + SHORT_HEADER..start + SHORT_HEADER, header[SHORT_HEADER..len].iter().copied());
    }
}

/// The header of an unfragmented, unmasked frame, and its length.
fn header(opcode: Opcode, payload: usize) -> ([u8; LONGEST_HEADER], usize) {
    let mut header = [0; LONGEST_HEADER];
    header[0] = FIN | opcode as u8;
    let len = if payload <= SHORT_PAYLOAD {
        header[1] = payload as u8;
        SHORT_HEADER
    } else if let Ok(short) = u16::try_from(payload) {
        header[1] = 126;
        header[2..4].copy_from_slice(&short.to_be_bytes());
        4
    } else {
        header[1] = 127;
        header[2..].copy_from_slice(&(payload as u64).to_be_bytes());
        LONGEST_HEADER
    };
    (header, len)
}

fn write_json(out: impl io::Write, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("our messages have string keys and no failing fields");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_shortest_length_that_fits() {
        for (payload, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xFF, 0xFF]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut draft = FrameDraft::with_capacity(0);
            draft.push(&vec![b'x'; payload]);
            let frame = draft.finish();
            assert_eq!(&frame.as_bytes()[..expected.len()], expected);
            assert_eq!(payloads(frame.as_bytes()).map(<[u8]>::len).collect::<Vec<_>>(), [payload]);
            let mut appended = Vec::new();
            append_frame(&mut appended, Opcode::Text, payloads(frame.as_bytes()).next().unwrap());
            assert_eq!(appended, frame.as_bytes());
        }
    }

    #[test]
    fn a_reply_and_a_room_frame_are_encoded_alike() {
        for len in [0, 1, 123, 124, 65_533, 65_534] {
            let text = "x".repeat(len);
            let mut out = b"before".to_vec();
            append_json(&mut out, &text);
            assert_eq!(&out[6..], Frame::of(&text).as_bytes(), "{len}");
        }
    }
}
