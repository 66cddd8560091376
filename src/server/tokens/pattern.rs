use std::{fmt, str::FromStr};

use crate::model::{RoomName, limits::NAME_LEN};

/// A name of a room or an asset, or a prefix of names with `*` at its end; `*` alone is the prefix of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    text: Box<str>,
    is_prefix: bool,
}

/// The text is neither a name nor a prefix of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a name of 1-{NAME_LEN} characters of A-Za-z0-9_.:-, or the start of names with a * at its end")]
pub struct InvalidPattern;

impl NamePattern {
    /// Whether the pattern stands for the name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.is_prefix { name.starts_with(&*self.text) } else { *self.text == *name }
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let (name, is_prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
        let fits = if is_prefix {
            name.len() <= NAME_LEN && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
        } else {
            RoomName::parse(name).is_ok()
        };
        if fits { Ok(Self { text: name.into(), is_prefix }) } else { Err(InvalidPattern) }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_a_prefix_with_a_star_at_its_end() {
        for (text, yes, no) in [
            ("arena", vec!["arena"], vec!["arena2", "Arena", "aren"]),
            ("match-*", vec!["match-1", "match-"], vec!["match", "rematch-1"]),
            ("*", vec!["anything"], vec![]),
        ] {
            let pattern: NamePattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            assert!(yes.iter().all(|name| pattern.matches(name)), "{pattern:?}");
            assert!(!no.iter().any(|name| pattern.matches(name)), "{pattern:?}");
        }
        let long = "x".repeat(65);
        for bad in ["", "a*b", "**", "*a", "a b", "..", "é*", "a/*", &long, &format!("{long}*")] {
            assert_eq!(bad.parse::<NamePattern>(), Err(InvalidPattern), "{bad:?}");
        }
    }
}
