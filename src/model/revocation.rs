use serde::{Deserialize, Serialize};

use super::{Millis, PlayerName};

/// Ends player tokens before they expire. A value: two equal revocations are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revocation {
    /// Whose tokens.
    #[serde(flatten)]
    pub of: Revoked,
    /// Tokens signed (`iat`) before this time are revoked.
    pub issued_before: Millis,
    /// When the revocation ends. No token that it ends is valid any longer then.
    pub until: Millis,
}

/// Which tokens a revocation ends: `{"player":"ann"}`, `{"jti":"…"}` or `{"key":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// All of a player (`sub`).
    Player(PlayerName),
    /// The one of this id, at most [`TOKEN_ID_LEN`](super::limits::TOKEN_ID_LEN) bytes of any characters.
    Jti(Box<str>),
    /// All that a key signed, at most [`KID_LEN`](super::limits::KID_LEN) characters.
    Key(Box<str>),
}
