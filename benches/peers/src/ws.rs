//! WebSocket frames: as much of RFC 6455 as small, unfragmented, uncompressed messages take.

/// Opcode of a text message.
pub const TEXT: u8 = 1;
/// Opcode of a binary message.
pub const BINARY: u8 = 2;
/// Opcode of a ping.
pub const PING: u8 = 9;
/// Opcode of a pong.
pub const PONG: u8 = 10;

/// The key that every client here sends, the example of RFC 6455. One key suffices, because nothing here is a proxy.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The only right answer to `KEY`.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame that begins at the first byte of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// `TEXT`, `BINARY`, `PING`, `PONG`, or 8 for a close frame.
    pub opcode: u8,
    /// What the payload is masked with; a client's always is.
    pub mask: Option<[u8; 4]>,
    /// Offset of the payload.
    pub start: usize,
    /// Offset behind the payload, where the next frame begins.
    pub end: usize,
}

/// Reads a frame's head. `None` if the frame is not complete yet.
///
/// # Errors
/// The frame is a fragment, compressed, or longer than 16 MiB.
pub fn parse(bytes: &[u8]) -> Result<Option<Frame>, String> {
    let [first, second, ..] = *bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 || first & 0x0f == 0 {
        return Err(format!("a fragmented or compressed frame: {first:#x}"));
    }
    let (length, mut start) = match second & 0x7f {
        126 if bytes.len() < 4 => return Ok(None),
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 if bytes.len() < 10 => return Ok(None),
        127 => {
            let length: u64 = bytes[2..10].iter().fold(0, |all, &byte| all << 8 | u64::from(byte));
            (usize::try_from(length).unwrap_or(usize::MAX), 10)
        }
        short => (usize::from(short), 2),
    };
    if length > 16 << 20 {
        return Err(format!("a frame of {length} bytes"));
    }
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = bytes.get(start..start + 4).and_then(|key| key.try_into().ok());
        if mask.is_none() {
            return Ok(None);
        }
        start += 4;
    }
    let end = start + length;
    Ok((bytes.len() >= end).then_some(Frame { opcode: first & 0x0f, mask, start, end }))
}

/// Masks or unmasks a payload.
pub fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    for (index, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[index & 3];
    }
}

/// Appends a frame with a payload of less than 64 KiB.
pub fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | opcode);
    match payload.len() {
        short @ 0..=125 => out.push(masked | short as u8),
        long => {
            out.push(masked | 126);
            out.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    out.extend_from_slice(mask.as_ref().map_or(&[][..], |key| key));
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(mask) = mask {
        apply_mask(&mut out[start..], mask);
    }
}
