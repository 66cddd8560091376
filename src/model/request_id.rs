use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use super::limits::REQUEST_ID_LEN;

/// A client's identifier of a request, echoed unchanged: a string of at most 64 characters, or a number.
///
/// Stored as raw JSON, so that `1e3` or `"\u0041"` is echoed exactly as written.
#[derive(Debug, Clone)]
pub struct RequestId(Box<RawValue>);

impl RequestId {
    /// Validates a JSON value as a request id.
    ///
    /// # Errors
    /// One sentence with the rule.
    pub fn from_raw(raw: &RawValue) -> Result<Self, &'static str> {
        const RULE: &str = "request_id must be a string of at most 64 characters or a number";
        let text = raw.get();
        let fits = match text.as_bytes()[0] {
            b'"' => serde_json::from_str::<String>(text).is_ok_and(|s| s.chars().count() <= REQUEST_ID_LEN),
            b'-' | b'0'..=b'9' => text.len() <= REQUEST_ID_LEN,
            _ => false,
        };
        if fits { Ok(Self(raw.to_owned())) } else { Err(RULE) }
    }

    /// The original JSON.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }
}

impl From<u64> for RequestId {
    fn from(number: u64) -> Self {
        Self(RawValue::from_string(number.to_string()).expect("a number is JSON"))
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for RequestId {}

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
        self.0.serialize(serializer)
    }
}

/// Deserializes through a plain value, because a tagged enum buffers its content and a raw value cannot be buffered.
impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let raw = serde_json::value::to_raw_value(&value).map_err(de::Error::custom)?;
        Self::from_raw(&raw).map_err(de::Error::custom)
    }
}
