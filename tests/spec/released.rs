//! `docs/spec` has the documents of the last release.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

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

/// A change of a document: at this pointer, to this value, or gone.
type Change = (&'static str, Option<Value>);

fn changed(document: &Value, changes: &[Change]) -> Value {
    let mut document = document.clone();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} leads nowhere"));
        match (parent, value) {
            (Value::Object(parent), Some(value)) => drop(parent.insert(name, value.clone())),
            (Value::Object(parent), None) => {
                drop(parent.remove(&name).unwrap_or_else(|| panic!("no {pointer}")))
            }
            (Value::Array(parent), Some(value)) => parent.push(value.clone()),
            (Value::Array(parent), None) => drop(parent.remove(name.parse().unwrap())),
            _ => panic!("{pointer} leads nowhere"),
        }
    }
    document
}

const SELECT: &str = "/paths/~1v1~1rooms~1{room}~1assets~1{asset}~1select";

#[test]
fn what_breaks_a_client_of_the_http_api_is_noticed() {
    let old = openapi();
    let player = json!({"name": "by", "in": "query", "required": true, "schema": {"type": "string"}});
    let breaks: [(&str, Change); 22] = [
        ("SELECT: is gone", (SELECT, None)),
        ("DELETE /v1/rooms/{room}: is gone", ("/paths/~1v1~1rooms~1{room}/delete", None)),
        ("200: is gone", ("/paths/~1healthz/get/responses/200", None)),
        ("503: is gone", ("/paths/~1healthz/get/responses/503", None)),
        ("application/json is gone", ("/components/responses/404/content/application~1json", None)),
        ("\"limit\": is gone", ("/paths/~1v1~1rooms~1{room}~1assets~1{asset}~1holders/get/parameters/3", None)),
        ("\"by\": is new and required", ("/paths/~1healthz/get/parameters/0", Some(player))),
        (
            "\"after\": is required",
            (
                "/paths/~1v1~1rooms~1{room}~1assets~1{asset}~1holders/get/parameters/2/required",
                Some(json!(true)),
            ),
        ),
        (
            "maximum is narrower",
            (
                "/paths/~1v1~1rooms~1{room}~1assets~1{asset}~1holders/get/parameters/3/schema/maximum",
                Some(json!(100)),
            ),
        ),
        ("needs a body", ("/paths/~1healthz/get/requestBody", Some(json!({"required": true, "content": {}})))),
        ("takes no body", ("/paths/~1v1~1rooms~1{room}~1assets~1{asset}/put/requestBody", None)),
        ("reason is required", ("/components/schemas/Create/required/1", Some(json!("reason")))),
        ("revision: is gone", ("/components/schemas/Restock/properties/revision", None)),
        (
            "type {\"integer\"} became {\"string\"}",
            ("/components/schemas/Create/properties/units/type", Some(json!("string"))),
        ),
        ("minimum is narrower", ("/components/schemas/Create/properties/units/minimum", Some(json!(2)))),
        ("maxLength is narrower", ("/components/schemas/PlayerName/maxLength", Some(json!(64)))),
        ("another pattern", ("/components/schemas/AssetName/pattern", Some(json!("^[a-z]$")))),
        ("remaining: is gone", ("/components/schemas/AssetState/properties/remaining", None)),
        ("units may be absent", ("/components/schemas/AssetState/required/1", None)),
        ("may be any value", ("/components/schemas/Health/properties/status/enum", None)),
        ("the value \"sold_out\" is gone", ("/components/schemas/ErrorCode/enum/6", None)),
        (
            "an alternative is gone",
            ("/components/schemas/SoldOut/properties/already_held/type", Some(json!("null"))),
        ),
    ];
    for (complaint, change) in breaks {
        assert_noticed(compat::openapi, &old, complaint, change);
    }
    assert_eq!(compat::openapi(&old, &old), [""; 0]);
    let parameter = json!({"name": "why", "in": "query", "schema": {"type": "string"}});
    let additions: [Change; 8] = [
        ("/paths/~1v1~1new", Some(json!({"get": {}}))),
        ("/paths/~1v1~1rooms~1{room}/post", Some(json!({}))),
        ("/paths/~1v1~1rooms~1{room}/get/responses/410", Some(json!({}))),
        ("/paths/~1v1~1rooms~1{room}/get/parameters/0", Some(parameter)),
        ("/components/schemas/Create/properties/reason", Some(json!({"type": "string"}))),
        ("/components/schemas/AssetState/properties/more", Some(json!({}))),
        ("/components/schemas/ErrorCode/enum/0", Some(json!("new_code"))),
        ("/components/schemas/PlayerName/maxLength", Some(json!(256))),
    ];
    assert_eq!(compat::openapi(&old, &changed(&old, &additions)), [""; 0]);
}

#[test]
fn what_breaks_a_client_of_the_websocket_is_noticed() {
    let old = asyncapi();
    let breaks: [(&str, Change); 12] = [
        ("channel room: is gone, or elsewhere", ("/channels/room/address", Some(json!("/v2/ws")))),
        ("offset: is gone", ("/channels/room/bindings/ws/query/properties/offset", None)),
        ("session is required", ("/channels/room/bindings/ws/query/required", Some(json!(["session"])))),
        ("operation sync: is gone", ("/operations/sync", None)),
        ("message pong is gone", ("/operations/ping/reply/messages/0", None)),
        ("message welcome is gone", ("/operations/frames/messages/0", None)),
        ("because is required", ("/components/messages/sync/payload/required/0", Some(json!("because")))),
        (
            "the value \"sync\" is gone",
            ("/components/messages/sync/payload/properties/type/const", Some(json!("resync"))),
        ),
        (
            "an alternative is gone, or another: {\"$ref\":\"#/components/schemas/RequestId\"}",
            ("/components/schemas/RequestId/type", Some(json!("string"))),
        ),
        ("at: is gone", ("/components/messages/asset_granted/payload/properties/at", None)),
        ("an alternative is gone", ("/components/schemas/CloseCode/oneOf/3", None)),
        (
            "the type {\"integer\"} became {\"string\"}",
            ("/components/schemas/Grant/properties/at/type", Some(json!("string"))),
        ),
    ];
    for (complaint, change) in breaks {
        assert_noticed(compat::asyncapi, &old, complaint, change);
    }
    assert_eq!(compat::asyncapi(&old, &old), [""; 0]);
    let reply = json!({"$ref": "#/channels/room/messages/selection"});
    let additions: [Change; 6] = [
        ("/operations/later", Some(json!({"action": "receive", "messages": []}))),
        ("/operations/frames/messages/0", Some(json!({"$ref": "#/channels/room/messages/later"}))),
        ("/operations/sync/reply/messages/0", Some(reply)),
        ("/components/messages/sync/payload/properties/because", Some(json!({"type": "string"}))),
        ("/components/messages/asset_granted/payload/properties/until", Some(json!({"type": "integer"}))),
        ("/components/schemas/CloseCode/oneOf/0", Some(json!({"const": 4005}))),
    ];
    assert_eq!(compat::asyncapi(&old, &changed(&old, &additions)), [""; 0]);
}

fn assert_noticed(breaks: Breaks, old: &Value, complaint: &str, change: Change) {
    let complaints = breaks(old, &changed(old, &[change])).join("\n");
    assert!(
        complaints.contains(&complaint.replace("SELECT", "POST /v1/rooms/{room}/assets/{asset}/select")),
        "{complaint}: {complaints:?}"
    );
}
