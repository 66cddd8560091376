//! JSON objects of tokens. The parser of a signer and ours may disagree about which of two equal members counts, so an
//! object that has one twice is refused.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::model::limits::TOKEN_DEPTH;

/// The members of a JSON object, by name; their values are not parsed yet.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// What is wrong with an object. None shows a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoObject {
    Deep,
    Twice,
    Other,
}

/// A member is not a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoText;

impl<'a> Members<'a> {
    /// Parses an object, without recursion.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, NoObject> {
        if depth(json) > TOKEN_DEPTH {
            return Err(NoObject::Deep);
        }
        let Self(mut members) = serde_json::from_slice(json).map_err(|_| NoObject::Other)?;
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(NoObject::Twice);
        }
        Ok(Self(members))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(self.0[at].1)
    }

    /// The text of a string member: `None` if it is missing, an error if it is something else.
    pub(super) fn text(&self, name: &str) -> Result<Option<Cow<'a, str>>, NoText> {
        let value = self.get(name).map(|value| serde_json::from_str::<Text<'a>>(value.get()));
        value.transpose().map(|text| text.map(|Text(text)| text)).map_err(|_| NoText)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Collect)
    }
}

/// A string; copied only if it has escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// How deep brackets outside of strings are nested.
fn depth(json: &[u8]) -> usize {
    let (mut deepest, mut depth, mut in_string, mut escaped) = (0, 0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> Option<NoObject> {
        Members::parse(json.as_bytes()).err()
    }

    #[test]
    fn members_are_found_by_name() {
        let members = Members::parse(br#" {"b":[1,2], "a\u0062":"x", "":null} "#).unwrap();
        assert_eq!(members.names().collect::<Vec<_>>(), ["", "ab", "b"]);
        assert_eq!(members.get("b").map(RawValue::get), Some("[1,2]"));
        assert_eq!(members.get("ab").map(RawValue::get), Some("\"x\""));
        assert!(members.get("c").is_none());
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused_however_it_is_written() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert_eq!(fault(json), Some(NoObject::Twice), "{json}");
        }
        assert_eq!(fault(r#"{"a":{"x":1},"b":{"x":1}}"#), None);
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(fault(&nested(TOKEN_DEPTH - 1)), None);
        assert_eq!(fault(&nested(TOKEN_DEPTH)), Some(NoObject::Deep));
        assert_eq!(fault(&nested(100_000)), Some(NoObject::Deep));
        assert_eq!(fault(&format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(99), "{".repeat(99))), None);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["", "[]", "1", "null", "{", "{}x", "{\"a\":}", "{1:2}", "{\"\\ud800\":1}", "\u{feff}{}"] {
            assert_eq!(fault(json), Some(NoObject::Other), "{json:?}");
        }
        assert!(Members::parse(b"{\"a\":\"\xff\"}").is_err());
    }
}
