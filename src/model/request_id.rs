use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::limits::REQUEST_ID_LEN;

/// A client's identifier of a request, echoed unchanged: a string of at most 64 characters, or a number.
///
/// Stored as raw JSON, so that `1e3` or `"\u0041"` is echoed exactly as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Validates a JSON value, which `text` is, as a request id.
    ///
    /// # Errors
    /// One sentence with the rule.
    pub(super) fn from_json(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "request_id must be a string of at most 64 characters or a number";
        let fits = match text.as_bytes()[0] {
            // Its characters are at most as many as its bytes.
            b'"' if text.len() <= REQUEST_ID_LEN && !text.contains('\\') => true,
            b'"' => serde_json::from_str::<String>(text).is_ok_and(|s| s.chars().count() <= REQUEST_ID_LEN),
            b'-' | b'0'..=b'9' => text.len() <= REQUEST_ID_LEN,
            _ => false,
        };
        if fits { Ok(Self(text.into())) } else { Err(RULE) }
    }

    /// The original JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self(itoa::Buffer::new().format(number).into())
    }
}

/// A number of more characters than a string may have is refused, too, which a schema cannot say.
impl JsonSchema for RequestId {
    fn schema_name() -> Cow<'static, str> {
        "RequestId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A client's identifier of a request, repeated as given in the reply.",
            "type": ["string", "number"],
            "maxLength": REQUEST_ID_LEN,
        })
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).expect("it is JSON").serialize(serializer)
    }
}

/// Deserializes through a plain value, because a tagged enum buffers its content and a raw value cannot be buffered.
impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let raw = serde_json::value::to_raw_value(&value).map_err(de::Error::custom)?;
        Self::from_json(raw.get()).map_err(de::Error::custom)
    }
}
