use serde::{Deserialize, Serialize};

/// Why the server closes a connection. The range tells a client what to do, so that it needs no table:
/// 4000-4099 do not come back; 4100-4199 come back after `retry_after_ms`; 4200-4299 come back at once
/// with epoch and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// A message was larger than `--max-message` (RFC 6455).
    MessageTooBig = 1009,
    /// No or a wrong player token.
    Unauthorized = 4001,
    /// The token does not allow this room.
    Forbidden = 4003,
    /// The room was removed.
    RoomRemoved = 4004,
    /// Nothing but nonsense was sent.
    ProtocolViolation = 4008,
    /// The node is shutting down.
    Draining = 4100,
    /// The store cannot be reached and this node has no view of the room.
    StoreAway = 4101,
    /// A bound on connections, rooms or members is reached.
    Full = 4113,
    /// More requests than `--selects-per-second` for too long.
    TooFast = 4129,
    /// The socket took nothing for `--write-timeout`, or no pong came for `--ping-timeout`.
    TooSlow = 4200,
}

impl CloseCode {
    /// The number in the close frame.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// The JSON in a close frame's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReason {
    /// The close code again, for clients that only get the reason.
    pub code: u16,
    /// When to come back, in milliseconds; 0 for codes that say never or at once.
    pub retry_after_ms: u64,
}
