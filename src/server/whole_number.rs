use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A non-negative whole number in any JSON notation: engines whose only number type is a float write 3 as `3.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WholeNumber(pub(super) u64);

/// 2^53. From here on a float may stand for several whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de> Deserialize<'de> for WholeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNotation).map(Self)
    }
}

/// A number from 2^53 on that is written with a point or an exponent is refused, too, which a schema cannot say.
impl JsonSchema for WholeNumber {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WholeNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
    }
}

/// Parses a query parameter.
impl FromStr for WholeNumber {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

struct AnyNotation;

impl de::Visitor<'_> for AnyNotation {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number such as 3")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
        if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
            return Ok(number as u64);
        }
        Err(E::invalid_value(de::Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_in_any_notation() {
        for (text, number) in [
            ("3", 3),
            ("3.0", 3),
            ("3e0", 3),
            ("30e-1", 3),
            ("0.0", 0),
            ("-0.0", 0),
            ("1E3", 1000),
            ("18446744073709551615", u64::MAX),
            ("9007199254740993", 9_007_199_254_740_993),
        ] {
            assert_eq!(text.parse::<WholeNumber>().unwrap().0, number, "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for text in
            ["3.5", "-1", "-1.0", "1e400", "9007199254740993.0", "\"3\"", "null", "true", "", "3 4", "x"]
        {
            assert!(text.parse::<WholeNumber>().is_err(), "{text}");
        }
    }
}
