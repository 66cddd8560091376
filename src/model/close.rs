use serde::{Deserialize, Serialize};

/// Why the server closes a connection. The range tells a client what to do, so that it needs no table: 4000-4099 do not
/// reconnect; 4100-4199 reconnect after `retry_after_ms`; 4200-4299 reconnect at once with epoch and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// A message exceeded `--max-message` (RFC 6455).
    MessageTooBig = 1009,
    /// The player token is missing or wrong.
    Unauthorized = 4001,
    /// The player token does not allow this room.
    Forbidden = 4003,
    /// The room was removed.
    RoomRemoved = 4004,
    /// The client sent too many invalid messages.
    ProtocolViolation = 4008,
    /// The node is shutting down.
    Draining = 4100,
    /// The store is unreachable and this node has no view of the room.
    StoreAway = 4101,
    /// A limit on connections, rooms or members is reached.
    Full = 4113,
    /// The client exceeded `--selects-per-second` for too long.
    TooFast = 4129,
    /// The socket accepted nothing for `--write-timeout`, or no pong came for `--ping-timeout`.
    TooSlow = 4200,
}

impl CloseCode {
    /// The number sent in the close frame.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// The JSON of a close frame's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReason {
    /// The close code again, for clients that see only the reason.
    pub code: u16,
    /// The delay before reconnecting, in milliseconds; 0 for codes that say never or at once.
    pub retry_after_ms: u64,
}
