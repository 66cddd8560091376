use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::CLOSE_REASON_BYTES;

/// Why the server closes a connection. The range tells a client what to do, so that it needs no table: 4000-4099 do not
/// reconnect; 4100-4199 reconnect after `retry_after_ms`; 4200-4299 reconnect at once with epoch and offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(transform = to_numbers)]
#[repr(u16)]
pub enum CloseCode {
    /// The client broke the WebSocket protocol (RFC 6455).
    ProtocolError = 1002,
    /// A text message was not UTF-8 (RFC 6455).
    InvalidText = 1007,
    /// A message exceeded `--max-message` (RFC 6455).
    MessageTooBig = 1009,
    /// The player token is missing or wrong.
    Unauthorized = 4001,
    /// The player token does not allow this room, or it was revoked.
    Forbidden = 4003,
    /// The room was removed.
    RoomRemoved = 4004,
    /// An operator removed the player from the room.
    Kicked = 4005,
    /// The player joined again elsewhere (`--same-player replace`).
    Replaced = 4006,
    /// The player is connected already (`--same-player refuse`).
    Duplicate = 4007,
    /// The client sent too many invalid messages.
    ProtocolViolation = 4008,
    /// The node is shutting down.
    Draining = 4100,
    /// The store is unreachable and this node has no view of the room.
    StoreAway = 4101,
    /// The player token expired: reconnect with a new one.
    TokenExpired = 4102,
    /// A limit on connections, rooms or members is reached.
    Full = 4113,
    /// The client exceeded `--selects-per-second` for too long.
    TooFast = 4129,
    /// The socket accepted nothing for `--write-timeout`, or no pong came for `--ping-timeout`.
    TooSlow = 4200,
}

impl CloseCode {
    /// Every code, in the order of the numbers.
    pub const ALL: [Self; 16] = [
        Self::ProtocolError,
        Self::InvalidText,
        Self::MessageTooBig,
        Self::Unauthorized,
        Self::Forbidden,
        Self::RoomRemoved,
        Self::Kicked,
        Self::Replaced,
        Self::Duplicate,
        Self::ProtocolViolation,
        Self::Draining,
        Self::StoreAway,
        Self::TokenExpired,
        Self::Full,
        Self::TooFast,
        Self::TooSlow,
    ];

    /// The number sent in the close frame.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Whether a client must not reconnect.
    #[must_use]
    pub fn is_final(self) -> bool {
        (4000..4100).contains(&self.number())
    }
}

/// Replaces the names of the variants by their numbers, and keeps what is said of each.
fn to_numbers(schema: &mut Schema) {
    schema.insert("type".to_owned(), "integer".into());
    let Some(variants) = schema.get_mut("oneOf").and_then(Value::as_array_mut) else { return };
    for variant in variants.iter_mut().filter_map(Value::as_object_mut) {
        let code = CloseCode::ALL.iter().find(|code| variant["const"] == format!("{code:?}"));
        variant.insert("const".to_owned(), code.map(|code| code.number()).into());
        variant.remove("type");
    }
}

/// The JSON of a close frame's reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CloseReason {
    /// The close code again, for clients that see only the reason.
    #[schemars(with = "CloseCode")]
    pub code: u16,
    /// The delay before reconnecting, in milliseconds; 0 for codes that say never or at once.
    pub retry_after_ms: u64,
    /// Why the server refused or ended the connection, for people, where the code alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl CloseReason {
    /// The JSON. The message is left out if it would make the reason too long for a close frame.
    #[must_use]
    pub fn encode(mut self) -> String {
        let encoded = json(&self);
        if encoded.len() <= CLOSE_REASON_BYTES {
            return encoded;
        }
        self.message = None;
        json(&self)
    }
}

fn json(reason: &CloseReason) -> String {
    serde_json::to_string(reason).expect("numbers and a text are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        let reason =
            |message: &str| CloseReason { code: 4003, retry_after_ms: 0, message: Some(message.into()) };
        assert_eq!(reason("no").encode(), r#"{"code":4003,"retry_after_ms":0,"message":"no"}"#);
        assert_eq!(reason(&"\"".repeat(60)).encode(), r#"{"code":4003,"retry_after_ms":0}"#);
    }
}
