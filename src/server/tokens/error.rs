use std::{borrow::Cow, fmt};

/// Why a player token is refused. `Display` is the reason for the log: it names the fault and at most a key's id, a
/// claim or a word of a signed token, never another byte of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    kind: TokenErrorKind,
    reason: Cow<'static, str>,
    signed: bool,
}

/// What a client can do about a refused token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenErrorKind {
    /// The token is wrong and stays wrong: close 4001, HTTP 401.
    Invalid,
    /// The token was right and its time is over: close 4102, HTTP 401.
    Expired,
    /// The key set has no such key, and could not be fetched to look for a newer one, or was fetched a moment ago: close
    /// 4101, HTTP 503.
    KeysAway,
}

/// What a client hears of every fault that was found before the signature was verified, so that it learns nothing about
/// the keys.
const NOT_SIGNED: &str = "this is not a token that a key of this server signed";
const KEYS_AWAY: &str = "the keys for this token cannot be fetched at the moment: try again";

impl TokenError {
    /// A fault that was found before the signature was verified.
    pub(super) fn unsigned(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: TokenErrorKind::Invalid, reason: reason.into(), signed: false }
    }

    /// A fault in the claims of a token whose signature is right.
    pub(super) fn signed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: TokenErrorKind::Invalid, reason: reason.into(), signed: true }
    }

    pub(super) fn expired() -> Self {
        let reason = "the token has expired: its exp has passed".into();
        Self { kind: TokenErrorKind::Expired, reason, signed: true }
    }

    pub(super) fn keys_away() -> Self {
        let reason = "the key set has no key with the token's kid, and was not fetched anew".into();
        Self { kind: TokenErrorKind::KeysAway, reason, signed: false }
    }

    /// What the client can do.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// The sentence for the client. The signer's own clients hear which claim is wrong; whoever cannot sign hears only
    /// that.
    #[must_use]
    pub fn for_client(&self) -> &str {
        match self.kind {
            TokenErrorKind::KeysAway => KEYS_AWAY,
            _ if self.signed => &self.reason,
            _ => NOT_SIGNED,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for TokenError {}
