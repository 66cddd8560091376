use std::{
    borrow::{Borrow, Cow},
    fmt,
    marker::PhantomData,
    str::FromStr,
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::limits::{NAME_LEN, PLAYER_NAME_LEN};

/// The name of a room.
pub type RoomName = Name<Room>;
/// The name of an asset within its room.
pub type AssetName = Name<Asset>;
/// The name of a player within its room, and the idempotency key of its selects.
pub type PlayerName = Name<Player>;

/// A validated name, neither `.` nor `..`: for rooms and assets 1-64 characters of `A-Za-z0-9_.:-`, for players 1-128
/// characters of `A-Za-z0-9_.:|@+=~-`. Cheap to clone.
///
/// `K` distinguishes rooms, assets and players at compile time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name<K> {
    text: Arc<str>,
    kind: PhantomData<fn() -> K>,
}

/// The kind of a name, with its rule.
pub trait Kind {
    /// `room`, `asset` or `player`.
    const WORD: &'static str;
    /// The characters of the longest name.
    const LEN: usize = NAME_LEN;
    /// The characters of a name besides letters and digits. None of them is a slash, a space, a quote or a brace, because
    /// stores and buses separate names by those.
    const SYMBOLS: &'static str = "_.:-";
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
/// Account ids of identity providers (`auth0|5f7c...`) and mail addresses are player names as they are.
impl Kind for Player {
    const WORD: &'static str = "player";
    const LEN: usize = PLAYER_NAME_LEN;
    const SYMBOLS: &'static str = "_.:|@+=~-";
}

/// The text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid {word} name {shown:?}: a {word} name has 1-{len} characters of A-Za-z0-9{symbols} and is neither \".\" nor \
     \"..\""
)]
pub struct InvalidName {
    word: &'static str,
    len: usize,
    symbols: &'static str,
    shown: String,
}

impl<K: Kind> Name<K> {
    /// Validates `text` and copies it.
    ///
    /// # Errors
    /// [`InvalidName`] with the kind of name and the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=K::LEN).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || K::SYMBOLS.as_bytes().contains(&b))
            && text != "."
            && text != "..";
        if !fits {
            let shown = text.chars().take(K::LEN + 1).collect();
            return Err(InvalidName { word: K::WORD, len: K::LEN, symbols: K::SYMBOLS, shown });
        }
        Ok(Self { text: text.into(), kind: PhantomData })
    }
}

impl RoomName {
    /// Stands for every room where nodes speak of what concerns all of them. No room has this name.
    #[must_use]
    pub fn all_rooms() -> Self {
        Self { text: ".".into(), kind: PhantomData }
    }
}

impl<K> Name<K> {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K: Kind> JsonSchema for Name<K> {
    fn schema_name() -> Cow<'static, str> {
        let (first, rest) = K::WORD.split_at(1);
        format!("{}{rest}Name", first.to_ascii_uppercase()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        Self::schema_name()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": format!("The {}'s name; neither `.` nor `..`.", K::WORD),
            "type": "string",
            "minLength": 1,
            "maxLength": K::LEN,
            "pattern": pattern(K::SYMBOLS),
        })
    }
}

/// The regular expression of names with these symbols. It spells out that a name of dots has three or more, because not
/// every engine looks ahead.
fn pattern(symbols: &str) -> String {
    // A hyphen stands for itself at the end of a class.
    let others: String = symbols.chars().filter(|symbol| !".-".contains(*symbol)).collect();
    let no_dot = format!("A-Za-z0-9{others}-");
    format!(r"^(\.{{0,2}}[{no_dot}]|\.{{3}})[.{no_dot}]*$")
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

/// Names that a key could confuse: every one of up to `len` characters, of one letter and all symbols, and the words that
/// stores and buses use in keys.
#[cfg(test)]
pub(crate) fn alike<K: Kind>(len: usize) -> Vec<Name<K>> {
    const WORDS: [&str; 9] = ["asset", "assets", "bus", "calls", "grants", "holders", "ping", "pings", "room"];
    let longer =
        |shorter: &String| format!("a{}", K::SYMBOLS).chars().map(|c| format!("{shorter}{c}")).collect();
    let mut texts = vec![vec![String::new()]];
    for _ in 0..len {
        let longest: Vec<String> = texts.last().into_iter().flatten().flat_map::<Vec<_>, _>(longer).collect();
        texts.push(longest);
    }
    let words = WORDS.map(str::to_owned);
    texts.concat().into_iter().chain(words).filter_map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_or_asset_name_is_1_to_64_safe_characters() {
        for good in ["a", "Sword_1", "race:1732.x-y", "...", &"x".repeat(64)] {
            assert_eq!(AssetName::parse(good).unwrap().as_str(), good);
            assert_eq!(RoomName::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "a b", "a/b", "é", "a\0", "%2e", "a|b", "a@b", "a+b", "a=b", "a~b", &"x".repeat(65)]
        {
            assert!(AssetName::parse(bad).is_err(), "{bad:?} must be refused");
            assert!(RoomName::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn account_ids_and_mail_addresses_are_player_names() {
        for good in [
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "google-oauth2|115015401343387192604",
            "samlp|corp|ann@example.com",
            "ann+games@mail.example.com",
            "eyJzdWIiOiJhIn0=",
            "~ann",
            "|",
            "...",
            &"=".repeat(128),
        ] {
            assert_eq!(PlayerName::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", ".", "..", "a b", "a/b", "é", "a\0", "a\"b", "a'b", "{a}", "a%b", "a,b", &"x".repeat(129)]
        {
            assert!(PlayerName::parse(bad).is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn a_refusal_says_the_rule_of_its_kind() {
        let error = RoomName::parse("no way").unwrap_err().to_string();
        assert!(error.contains("room") && error.contains("no way"), "{error}");
        assert!(error.contains("1-64 characters of A-Za-z0-9_.:- and"), "{error}");
        let error = PlayerName::parse(&"no way ".repeat(99)).unwrap_err().to_string();
        assert!(error.contains("player") && error.len() < 300, "{error}");
        assert!(error.contains("1-128 characters of A-Za-z0-9_.:|@+=~- and"), "{error}");
    }

    #[test]
    fn no_name_contains_what_separates_names() {
        for separator in "/ '\"`\\{}[]()<>*?,;#$%^&!\n".chars() {
            for symbols in [Room::SYMBOLS, Asset::SYMBOLS, Player::SYMBOLS] {
                assert!(!symbols.contains(separator), "{separator:?}");
            }
        }
    }
}
