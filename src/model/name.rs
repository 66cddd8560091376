use std::{borrow::Borrow, fmt, marker::PhantomData, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::limits::NAME_LEN;

/// The name of a room.
pub type RoomName = Name<Room>;
/// The name of an asset within its room.
pub type AssetName = Name<Asset>;
/// The name of a player within its room, and the idempotency key of its selects.
pub type PlayerName = Name<Player>;

/// A validated name: 1-64 characters of `A-Za-z0-9_.:-`, neither `.` nor `..`. Cheap to clone.
///
/// `K` distinguishes rooms, assets and players at compile time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name<K> {
    text: Arc<str>,
    kind: PhantomData<fn() -> K>,
}

/// The kind of a name, for error messages.
pub trait Kind {
    /// `room`, `asset` or `player`.
    const WORD: &'static str;
}

/// Marks room names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Room {}
/// Marks asset names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {}
/// Marks player names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Player {}

impl Kind for Room {
    const WORD: &'static str = "room";
}
impl Kind for Asset {
    const WORD: &'static str = "asset";
}
impl Kind for Player {
    const WORD: &'static str = "player";
}

/// The text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid {word} name {shown:?}: a name has 1-{NAME_LEN} characters of A-Za-z0-9_.:- and is neither \".\" nor \"..\""
)]
pub struct InvalidName {
    word: &'static str,
    shown: String,
}

impl<K: Kind> Name<K> {
    /// Validates `text` and copies it.
    ///
    /// # Errors
    /// [`InvalidName`] with the kind of name and the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=NAME_LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
            && text != "."
            && text != "..";
        if !fits {
            let shown = text.chars().take(NAME_LEN + 1).collect();
            return Err(InvalidName { word: K::WORD, shown });
        }
        Ok(Self { text: text.into(), kind: PhantomData })
    }
}

impl<K> Name<K> {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> FromStr for Name<K> {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

/// Allows lookups by `&str` in a map keyed by names.
impl<K> Borrow<str> for Name<K> {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl<K> fmt::Display for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Debug for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Name<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_64_safe_characters() {
        for good in ["a", "Sword_1", "race:1732.x-y", "...", &"x".repeat(64)] {
            assert_eq!(AssetName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a b", "a/b", "é", "a\0", "%2e", &"x".repeat(65)] {
            assert!(AssetName::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn a_refusal_says_what_would_be_right() {
        let error = RoomName::parse("no way").unwrap_err().to_string();
        assert!(error.contains("room") && error.contains("no way") && error.contains("1-64"), "{error}");
    }
}
