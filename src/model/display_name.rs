use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::{PlayerName, limits::DISPLAY_NAME_LEN};

/// The display names of players that have one.
pub type DisplayNames = BTreeMap<PlayerName, DisplayName>;

/// How a player is shown to others: 1-64 characters (Unicode scalar values) of any script in the normal form NFC. None
/// is a control character, sets a direction of the text or breaks the line, and the first and last are not white space.
/// Cheap to clone.
///
/// It identifies nobody: many players may have the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct DisplayName(Arc<str>);

/// The text is not a valid display name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid display name {shown:?}: {why}; a display name has 1-{DISPLAY_NAME_LEN} characters of any script, without \
     control characters, line breaks, characters that set the direction of text, and white space at either end"
)]
pub struct InvalidDisplayName {
    shown: String,
    why: String,
}

impl DisplayName {
    /// Brings `text` to NFC, because equal names must look and compare equal, and validates it.
    ///
    /// # Errors
    /// [`InvalidDisplayName`] with what was wrong and the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidDisplayName> {
        let normal: Arc<str> = if is_nfc(text) { text.into() } else { text.nfc().collect::<String>().into() };
        match fault(&normal) {
            None => Ok(Self(normal)),
            Some(why) => {
                let shown = text.chars().take(DISPLAY_NAME_LEN + 1).collect();
                Err(InvalidDisplayName { shown, why })
            }
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What makes a text in NFC no display name.
fn fault(text: &str) -> Option<String> {
    let len = text.chars().count();
    if len == 0 {
        return Some("it is empty".to_owned());
    }
    if len > DISPLAY_NAME_LEN {
        return Some(format!("it has {len} characters"));
    }
    if let Some(unfit) = text.chars().find(|c| is_unfit(*c)) {
        return Some(format!("it contains U+{:04X}", u32::from(unfit)));
    }
    (text.trim() != text).then(|| "it begins or ends with white space".to_owned())
}

/// Whether a character is a control, breaks the line, or sets the direction of the text around it: marks, embeddings,
/// overrides and isolates. Those could make a name swallow or turn around what stands beside it.
fn is_unfit(c: char) -> bool {
    let sets_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || sets_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The characters of `is_unfit`, for a class of a regular expression.
const UNFIT: &str = r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069";
/// White space that is fit.
const SPACE: &str = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000";

/// The schema is of a name in NFC. Another one is brought to it first, and counts then.
impl JsonSchema for DisplayName {
    fn schema_name() -> Cow<'static, str> {
        "DisplayName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How a player is shown to others: any script, in the normal form NFC. It identifies nobody.",
            "type": "string",
            "minLength": 1,
            "maxLength": DISPLAY_NAME_LEN,
            "pattern": format!("^[^{UNFIT}{SPACE}]([^{UNFIT}]*[^{UNFIT}{SPACE}])?$"),
        })
    }
}

impl FromStr for DisplayName {
    type Err = InvalidDisplayName;

    fn from_str(text: &str) -> Result<Self, InvalidDisplayName> {
        Self::parse(text)
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for DisplayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_display_name_has_any_script() {
        for good in [
            "Ann B.",
            "é",
            "Zoë",
            "安娜",
            "Анна",
            "آنا",
            "אנה",
            "🗡️ Ann 👩‍👩‍👧",
            "\"<b>\\",
            "a\u{a0}b",
            &"安".repeat(64),
        ] {
            assert_eq!(DisplayName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_looks_equal_is_equal() {
        let (composed, decomposed) = ("Zo\u{eb}", "Zoe\u{308}");
        assert_eq!(DisplayName::parse(decomposed), DisplayName::parse(composed));
        assert_eq!(
            DisplayName::parse(&decomposed.repeat(21)).unwrap().as_str(),
            composed.repeat(21),
            "63 characters"
        );
        let read: DisplayName = serde_json::from_str(&format!("\"{decomposed}\"")).unwrap();
        assert_eq!(read.as_str(), composed);
    }

    #[test]
    fn what_is_no_display_name_is_refused_with_its_fault() {
        let unfit = "\0\u{7}\t\n\r\u{7f}\u{85}\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                     \u{2066}\u{2067}\u{2068}\u{2069}";
        for unfit in unfit.chars() {
            let said = DisplayName::parse(&format!("a{unfit}b")).unwrap_err().to_string();
            assert!(said.contains(&format!("it contains U+{:04X};", u32::from(unfit))), "{said}");
            assert!(!said.contains(unfit), "{said}");
        }
        for (bad, fault) in [
            ("", "it is empty"),
            (" ", "white space"),
            ("\u{3000}\u{a0}", "white space"),
            (" Ann", "white space"),
            ("Ann\u{2003}", "white space"),
            (&"a".repeat(65), "it has 65 characters"),
            (&"é".repeat(9000), "it has 9000 characters"),
        ] {
            let said = DisplayName::parse(bad).unwrap_err().to_string();
            assert!(said.contains(fault) && said.contains("1-64 characters") && said.len() < 500, "{said}");
        }
    }

    proptest! {
        #[test]
        fn a_display_name_is_kept_as_it_is(text in "\\PC{0,70}") {
            if let Ok(name) = DisplayName::parse(&text) {
                prop_assert!(is_nfc(name.as_str()) && (1..=64).contains(&name.as_str().chars().count()));
                prop_assert_eq!(DisplayName::parse(name.as_str()), Ok(name.clone()));
                let json = serde_json::to_string(&name).unwrap();
                prop_assert_eq!(serde_json::from_str::<DisplayName>(&json).unwrap(), name);
            }
        }
    }
}
