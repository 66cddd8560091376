//! `docs/spec` has the documents of the last release.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{asyncapi, compat, openapi};

#[test]
fn nothing_that_was_released_is_broken() {
    for (name, now, breaks) in documents() {
        let text = fs::read_to_string(file(name)).unwrap();
        let complaints = breaks(&serde_json::from_str(&text).unwrap(), &now);
        assert!(complaints.is_empty(), "docs/spec/{name} promises more:\n{}", complaints.join("\n"));
    }
}

#[test]
#[ignore = "writes docs/spec: at a release"]
fn write() {
    fs::create_dir_all(file("")).unwrap();
    for (name, now, _) in documents() {
        fs::write(file(name), serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
}

type Breaks = fn(&Value, &Value) -> Vec<String>;

fn documents() -> [(&'static str, Value, Breaks); 2] {
    [("openapi.json", openapi(), compat::openapi), ("asyncapi.json", asyncapi(), compat::asyncapi)]
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/spec").join(name)
}

/// A change of a document: what is at a pointer becomes another value in JSON, a list gets one more, or it is gone.
type Change = (&'static str, &'static str);

const GONE: &str = "";

/// What the pointers leave out.
const PATHS: [(&str, &str); 3] = [
    ("/paths/ROOM", "/paths/~1v1~1rooms~1{room}"),
    ("/paths/ASSET", "/paths/~1v1~1rooms~1{room}~1assets~1{asset}"),
    ("/paths/HOLDERS", "/paths/~1v1~1rooms~1{room}~1assets~1{asset}~1holders"),
];

fn changed(mut document: Value, (pointer, value): Change) -> Value {
    let pointer = PATHS.iter().fold(pointer.to_owned(), |pointer, (short, full)| pointer.replace(short, full));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let (parent, name) = (document.pointer_mut(parent), name.replace("~1", "/"));
    let value = (value != GONE).then(|| serde_json::from_str(value).unwrap());
    match (parent, value) {
        (Some(Value::Object(parent)), Some(value)) => drop(parent.insert(name, value)),
        (Some(Value::Object(parent)), None) => assert!(parent.remove(&name).is_some(), "no {pointer}"),
        (Some(Value::Array(parent)), Some(value)) => parent.push(value),
        (Some(Value::Array(parent)), None) => drop(parent.remove(name.parse().unwrap())),
        _ => panic!("{pointer} leads nowhere"),
    }
    document
}

/// Each change leads to its complaint.
fn assert_noticed(document: &Value, breaks: Breaks, changes: &[(&str, Change)]) {
    for (complaint, change) in changes {
        let complaints = breaks(document, &changed(document.clone(), *change));
        assert!(complaints.iter().any(|known| known.contains(complaint)), "{complaint}: {complaints:?}");
    }
}

/// No change leads to a complaint.
fn assert_harmless(document: &Value, breaks: Breaks, changes: &[Change]) {
    let later = changes.iter().fold(document.clone(), |document, change| changed(document, *change));
    assert_eq!(breaks(document, &later), [""; 0]);
}

#[test]
fn what_is_gone_from_the_http_api_is_noticed() {
    let changes = [
        ("GET /v1/rooms/{room}/assets/{asset}/holders: is gone", ("/paths/HOLDERS", GONE)),
        ("DELETE /v1/rooms/{room}: is gone", ("/paths/ROOM/delete", GONE)),
        ("200: is gone", ("/paths/~1healthz/get/responses/200", GONE)),
        ("503: is gone", ("/paths/~1healthz/get/responses/503", GONE)),
        ("application/json is gone", ("/components/responses/404/content/application~1json", GONE)),
        ("\"limit\": is gone", ("/paths/HOLDERS/get/parameters/3", GONE)),
        ("takes no body", ("/paths/ASSET/put/requestBody", GONE)),
        ("revision: is gone", ("/components/schemas/Restock/properties/revision", GONE)),
        ("remaining: is gone", ("/components/schemas/AssetState/properties/remaining", GONE)),
        ("the value \"sold_out\" is gone", ("/components/schemas/ErrorCode/enum/6", GONE)),
    ];
    assert_noticed(&openapi(), compat::openapi, &changes);
}

#[test]
fn a_request_that_takes_less_is_noticed() {
    let needed = r#"{"name": "by", "in": "query", "required": true, "schema": {"type": "string"}}"#;
    let changes = [
        ("\"by\": is new and required", ("/paths/~1healthz/get/parameters/0", needed)),
        ("\"after\": is required", ("/paths/HOLDERS/get/parameters/2/required", "true")),
        ("maximum is narrower", ("/paths/HOLDERS/get/parameters/3/schema/maximum", "100")),
        ("needs a body", ("/paths/~1healthz/get/requestBody", r#"{"required": true, "content": {}}"#)),
        ("reason is required", ("/components/schemas/Create/required/1", "\"reason\"")),
        (
            "{\"integer\"} became {\"string\"}",
            ("/components/schemas/Create/properties/units/type", "\"string\""),
        ),
        ("minimum is narrower", ("/components/schemas/Create/properties/units/minimum", "2")),
        ("takes only some values", ("/components/schemas/Create/properties/units/enum", "[1, 2]")),
        ("maxLength is narrower", ("/components/schemas/RoomName/maxLength", "32")),
        ("another pattern", ("/components/schemas/AssetName/pattern", "\"^[a-z]$\"")),
    ];
    assert_noticed(&openapi(), compat::openapi, &changes);
}

#[test]
fn an_answer_that_promises_less_is_noticed() {
    let changes = [
        ("units may be absent", ("/components/schemas/AssetState/required/1", GONE)),
        (
            "{\"integer\"} became {\"string\"}",
            ("/components/schemas/AssetState/properties/held/type", "\"string\""),
        ),
        ("may be any value", ("/components/schemas/Health/properties/status/enum", GONE)),
        ("an alternative is gone", ("/components/schemas/SoldOut/properties/already_held/type", "\"null\"")),
    ];
    assert_noticed(&openapi(), compat::openapi, &changes);
}

#[test]
fn what_is_added_to_the_http_api_breaks_nothing() {
    let changes = [
        ("/paths/~1v1~1new", r#"{"get": {}}"#),
        ("/paths/ROOM/post", "{}"),
        ("/paths/ROOM/get/responses/410", "{}"),
        ("/paths/ROOM/get/parameters/0", r#"{"name": "why", "in": "query", "schema": {"type": "string"}}"#),
        ("/components/schemas/Create/properties/reason", r#"{"type": "string"}"#),
        ("/components/schemas/AssetState/properties/more", "{}"),
        ("/components/schemas/ErrorCode/enum/0", "\"new_code\""),
        ("/components/schemas/PlayerName/maxLength", "256"),
    ];
    assert_harmless(&openapi(), compat::openapi, &changes);
}

#[test]
fn what_breaks_a_client_of_the_websocket_is_noticed() {
    let changes = [
        ("channel room: is gone, or elsewhere", ("/channels/room/address", "\"/v2/ws\"")),
        ("offset: is gone", ("/channels/room/bindings/ws/query/properties/offset", GONE)),
        ("session is required", ("/channels/room/bindings/ws/query/required", "[\"session\"]")),
        ("operation sync: is gone", ("/operations/sync", GONE)),
        ("message pong is gone", ("/operations/ping/reply/messages/0", GONE)),
        ("message welcome is gone", ("/operations/frames/messages/0", GONE)),
        ("because is required", ("/components/messages/sync/payload/required/0", "\"because\"")),
        (
            "the value \"sync\" is gone",
            ("/components/messages/sync/payload/properties/type/const", "\"resync\""),
        ),
        ("an alternative is gone", ("/components/schemas/RequestId/type", "\"string\"")),
        ("at: is gone", ("/components/messages/asset_granted/payload/properties/at", GONE)),
        ("an alternative is gone", ("/components/schemas/CloseCode/oneOf/3", GONE)),
        ("{\"integer\"} became {\"string\"}", ("/components/schemas/Grant/properties/at/type", "\"string\"")),
    ];
    assert_noticed(&asyncapi(), compat::asyncapi, &changes);
}

#[test]
fn what_is_added_to_the_websocket_breaks_nothing() {
    let changes = [
        ("/operations/later", r#"{"action": "receive", "messages": []}"#),
        ("/operations/frames/messages/0", r##"{"$ref": "#/channels/room/messages/later"}"##),
        ("/operations/sync/reply/messages/0", r##"{"$ref": "#/channels/room/messages/selection"}"##),
        ("/components/messages/sync/payload/properties/because", r#"{"type": "string"}"#),
        ("/components/messages/asset_granted/payload/properties/until", r#"{"type": "integer"}"#),
        ("/components/schemas/CloseCode/oneOf/0", r#"{"const": 4005}"#),
    ];
    assert_harmless(&asyncapi(), compat::asyncapi, &changes);
}
