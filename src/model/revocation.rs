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
    /// When the revocation ends. A token that it ended is valid again then, unless it has expired.
    pub until: Millis,
}

impl Revoked {
    /// `player`, `jti` or `key`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Player(_) => "player",
            Self::Jti(_) => "jti",
            Self::Key(_) => "key",
        }
    }
}

/// What a revocation can name of a verified token.
#[derive(Debug, Clone, Copy)]
pub struct SignedToken<'a> {
    /// The player (`sub`).
    pub player: &'a PlayerName,
    /// The token's id, if it has one.
    pub jti: Option<&'a str>,
    /// The id of the key that signed it.
    pub key: &'a str,
    /// When it was signed (`iat`).
    pub issued_at: Millis,
}

impl SignedToken<'_> {
    /// All that can be revoked to end this token.
    #[must_use]
    pub fn names(&self) -> [Option<Revoked>; 3] {
        let (player, key) = (Revoked::Player(self.player.clone()), Revoked::Key(self.key.into()));
        [Some(player), self.jti.map(|jti| Revoked::Jti(jti.into())), Some(key)]
    }
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
