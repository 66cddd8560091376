//! The decoders that are written by hand take what their schemas take, and refuse what those refuse.

use std::sync::LazyLock;

use asset_arbiter::{
    model::{AssetName, ClientMessage, DisplayName, PlayerName, RoomName},
    server::{asyncapi_json, openapi_json},
};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use unicode_normalization::is_nfc;

use crate::support::{Server, Setup, call, spec};

/// Values of all kinds, on both sides of each limit.
fn values() -> Vec<Option<Value>> {
    let texts = ["", "a", "..", "...", "a b", "ann@b.example", "ü", "\u{0}", "\"", "null"]
        .map(|text| Some(text.into()));
    let lengths = [64, 65, 128, 129].map(|len| Some("a".repeat(len).into()));
    let wide = [64, 65].map(|len| Some("ü".repeat(len).into()));
    let numbers = [json!(0), json!(1), json!(-1), json!(3.0), json!(0.5), json!(1e300), json!(u32::MAX)];
    let large = [json!(u64::from(u32::MAX) + 1), json!(u64::MAX), json!(1e20)];
    let others = [json!(null), json!(true), json!([]), json!(["a"]), json!({}), json!({"a": 1})];
    let all = numbers.into_iter().chain(large).chain(others).map(Some);
    [None].into_iter().chain(texts).chain(lengths).chain(wide).chain(all).collect()
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Option<Value>)>) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    Value::Object(given.collect())
}

#[test]
fn a_message_is_decoded_if_the_schema_takes_it() {
    let (values, mut decoded) = (values(), 0);
    let kinds =
        ["select_asset", "release_asset", "sync", "refresh", "ping", "dance"].map(|kind| Some(kind.into()));
    let kinds: Vec<_> = kinds.into_iter().chain([None, Some(json!(7)), Some(json!(null))]).collect();
    for kind in &kinds {
        for value in &values {
            for other in &values {
                let fields = [
                    [("asset", value), ("request_id", other), ("token", &None)],
                    [("token", value), ("request_id", other), ("asset", &None)],
                    [("asset", value), ("later", other), ("token", &None)],
                ];
                for fields in fields {
                    let message = object(fields.into_iter().chain([("type", kind)]));
                    let is_decoded = ClientMessage::decode(&message.to_string()).is_ok();
                    assert_eq!(is_decoded, spec::is_message(&message), "{message}");
                    decoded += usize::from(is_decoded);
                }
            }
        }
    }
    assert!(decoded > 1000, "{decoded}");
    for no_object in ["[]", "null", "7", "\"ping\""] {
        assert!(ClientMessage::decode(no_object).is_err());
        assert!(!spec::is_message(&serde_json::from_str(no_object).unwrap()));
    }
}

#[tokio::test]
async fn a_body_is_read_if_the_schema_takes_it() {
    let server = Server::with(|Setup { config, .. }| config.max_units = u32::MAX).await;
    server.create("r", "sword", 1).await;
    let values = values();
    let (base, mut read) = ("/v1/rooms/r/assets/sword", 0);
    let mut bodies = vec![("PUT", base.to_owned(), json!([])), ("PUT", base.to_owned(), json!(7))];
    for value in &values {
        let one = |method, action: &str, field| (method, format!("{base}{action}"), object([(field, value)]));
        bodies.extend([one("PUT", "", "units"), one("PUT", "", "more"), one("POST", "/restock", "units")]);
        bodies.extend([one("POST", "/release", "player"), one("POST", "/release", "players")]);
        let two = object([("units", &Some(json!(1))), ("revision", value)]);
        bodies.push(("POST", format!("{base}/restock"), two));
        let more = object([("player", &Some(json!("ann"))), ("later", value)]);
        bodies.push(("POST", format!("{base}/release"), more));
    }
    for (method, path, body) in bodies {
        // Only with a token may the player be left out.
        if path.ends_with("/release")
            && body.get("player").is_none_or(Value::is_null)
            && !body["players"].is_null()
        {
            continue;
        }
        let answer = call(server.address, method, &path, &body.to_string()).await;
        let is_read = !answer.starts_with("HTTP/1.1 400 ") || answer.contains("\\\"player\\\" is missing");
        assert_eq!(is_read, spec::is_body(method, &path, &body), "{method} {path} {body}: {answer}");
        read += usize::from(is_read);
    }
    assert!(read > 20, "{read}");
}

static NAMES: LazyLock<[Validator; 3]> =
    LazyLock::new(|| ["RoomName", "AssetName", "PlayerName"].map(|name| schema(openapi_json(), name)));
static DISPLAY_NAME: LazyLock<Validator> = LazyLock::new(|| schema(asyncapi_json(), "DisplayName"));

/// A schema of a document, which refers to none.
fn schema(document: &str, name: &str) -> Validator {
    let document: Value = serde_json::from_str(document).unwrap();
    jsonschema::validator_for(&document["components"]["schemas"][name]).unwrap()
}

fn is_name_as_documented(text: &str) {
    let taken =
        [RoomName::parse(text).is_ok(), AssetName::parse(text).is_ok(), PlayerName::parse(text).is_ok()];
    let value = Value::from(text);
    assert_eq!(taken, [0, 1, 2].map(|kind| NAMES[kind].is_valid(&value)), "{text:?}");
}

/// A text that is not in NFC is brought to it first, and is another one then.
fn is_display_name_as_documented(text: &str) {
    let taken = DisplayName::parse(text).is_ok();
    assert!(!is_nfc(text) || taken == DISPLAY_NAME.is_valid(&text.into()), "{text:?}");
}

proptest! {
    #[test]
    fn a_name_is_taken_if_the_schema_takes_it(text in "[.a]{0,4}|[A-Za-z0-9_.:|@+=~-]{0,130}|\\PC{0,6}|(?s:.){0,3}") {
        is_name_as_documented(&text);
    }

    #[test]
    fn a_display_name_is_taken_if_the_schema_takes_it(text in "\\PC{0,66}|[ -~]{0,3}|(?s:.){0,3}") {
        is_display_name_as_documented(&text);
    }
}

#[test]
fn every_character_counts_in_names_as_documented() {
    for text in [".", "..", "...", ".a", "..a", "...a", "a.", "a..", "-", "a\n", "\n", "", "a|b"] {
        is_name_as_documented(text);
    }
    for c in (0..0x1_1000).filter_map(char::from_u32) {
        for text in [c.to_string(), format!("a{c}b"), format!("{c}b"), format!("a{c}")] {
            is_name_as_documented(&text);
            is_display_name_as_documented(&text);
        }
    }
}
