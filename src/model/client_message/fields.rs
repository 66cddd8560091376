use serde::Deserialize;
use serde_json::value::RawValue;

/// The fields of a client's message, each as the JSON that was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) asset: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) retake: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Finds the fields of a JSON object. The others are ignored.
    ///
    /// # Errors
    /// The text is no JSON object, or has a field twice.
    pub(super) fn read(text: &'a str) -> serde_json::Result<Self> {
        Self::scan(text).map_or_else(|| Self::parse(text), Ok)
    }

    fn parse(text: &'a str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<&'a RawValue>,
            #[serde(borrow)]
            asset: Option<&'a RawValue>,
            #[serde(borrow)]
            request_id: Option<&'a RawValue>,
            #[serde(borrow)]
            token: Option<&'a RawValue>,
            #[serde(borrow)]
            retake: Option<&'a RawValue>,
        }
        let Raw { kind, asset, request_id, token, retake } = serde_json::from_str(text)?;
        let [kind, asset, request_id, token, retake] =
            [kind, asset, request_id, token, retake].map(|field| field.map(RawValue::get));
        Ok(Self { kind, asset, request_id, token, retake })
    }

    /// The same in less time for what nearly all clients send: strings without escapes, natural numbers and
    /// booleans, in known fields. `None`: anything else, valid or not.
    fn scan(text: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        let mut rest = text.strip_prefix('{')?;
        loop {
            let (name, after) = string(rest)?;
            let (value, after) = value(skip_space(after).strip_prefix(':')?)?;
            let field = match name {
                "\"type\"" => &mut fields.kind,
                "\"asset\"" => &mut fields.asset,
                "\"request_id\"" => &mut fields.request_id,
                "\"token\"" => &mut fields.token,
                "\"retake\"" => &mut fields.retake,
                _ => return None,
            };
            if field.replace(value).is_some() {
                return None;
            }
            match skip_space(after).as_bytes() {
                [b'}'] => return Some(fields),
                [b',', ..] => rest = &skip_space(after)[1..],
                _ => return None,
            }
        }
    }
}

/// Splits a value from the text before which it is, after spaces.
fn value(text: &str) -> Option<(&str, &str)> {
    let text = skip_space(text);
    match text.as_bytes().first()? {
        b'"' => string(text),
        b'1'..=b'9' => {
            let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
            // A fraction or an exponent may follow.
            (!matches!(text.as_bytes()[end], b'.' | b'e' | b'E')).then(|| text.split_at(end))
        }
        _ => ["true", "false"].into_iter().find_map(|word| Some((word, text.strip_prefix(word)?))),
    }
}

/// Splits a string without escapes, with its quotes, from the text before which it is, after spaces.
fn string(text: &str) -> Option<(&str, &str)> {
    let text = skip_space(text);
    let inner = text.strip_prefix('"')?;
    let end = inner.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    (inner.as_bytes()[end] == b'"').then(|| text.split_at(end + 2))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_messages_are_scanned() {
        for text in [
            r#"{"type":"select_asset","asset":"sword"}"#,
            r#"{"type":"select_asset","asset":"sword","request_id":17}"#,
            r#"{"type": "confirm_asset", "asset": "sword", "retake": true, "request_id": "é"}"#,
            r#"{ "token" : "a.b.c" , "type" : "refresh" }"#,
        ] {
            assert_eq!(Fields::scan(text), Some(Fields::parse(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn other_texts_are_left_to_the_parser() {
        for text in [
            "{}",
            r#"{"type":"ping"} "#,
            r#"{"type":"ping","more":[1]}"#,
            r#"{"type":"a","type":"b"}"#,
            r#"{"asset":"\u0073word"}"#,
            "{\"asset\":\"a\nb\"}",
            r#"{"request_id":1e3}"#,
            r#"{"request_id":01}"#,
            r#"{"request_id":-1}"#,
            r#"{"request_id":null}"#,
            r#"{"request_id":17"#,
            r#"{"retake":truee}"#,
            r#"{"type":"ping",}"#,
        ] {
            assert_eq!(Fields::scan(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_scanned_is_what_is_parsed(
            names in proptest::collection::vec("type|asset|request_id|token|retake|other", 0..4),
            values in proptest::collection::vec(
                "\"[a-zé\\\\\"\n ]{0,3}\"|-?[0-9]{1,3}(\\.[0-9])?(e[0-9])?|true|false|null|\\[\\]|[a-z]", 4,
            ),
            (space, end) in ("[ \n]{0,2}", "[ },]{0,2}"),
        ) {
            let fields: Vec<_> = names.iter().zip(&values).map(|(name, value)| format!("\"{name}\":{space}{value}")).collect();
            let text = format!("{{{}{space}}}{end}", fields.join(","));
            if let Some(scanned) = Fields::scan(&text) {
                prop_assert_eq!(scanned, Fields::parse(&text).unwrap());
            }
        }
    }
}
