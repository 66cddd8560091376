use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use crate::model::limits::{KEY_ID_LEN, KID_LEN};

/// The id of a token key: the `iss` of the tokens that it verifies, or a `kid` of the key set. Safe to log. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

/// The text is not the id of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key's id has 1-{KEY_ID_LEN} characters of A-Za-z0-9_.:-")]
pub struct InvalidKeyId;

impl KeyId {
    /// Takes the id of a `--token-key`: 1-64 characters of `A-Za-z0-9_.:-`.
    ///
    /// # Errors
    /// [`InvalidKeyId`] with the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyId> {
        let fits = (1..=KEY_ID_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b));
        if fits { Ok(Self(text.into())) } else { Err(InvalidKeyId) }
    }

    /// Takes a `kid` of a key set, if it is visible ASCII.
    pub(super) fn of_key_set(kid: &str) -> Option<Self> {
        Self::may_be(kid).then(|| Self(kid.into()))
    }

    /// Whether the text may be the id of any key: 1-256 visible ASCII characters.
    pub(in crate::server) fn may_be(text: &str) -> bool {
        (1..=KID_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        Self::parse(text)
    }
}

/// Allows lookups by `&str` in a map keyed by ids.
impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
