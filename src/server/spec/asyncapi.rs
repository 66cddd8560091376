use std::fmt::Write;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{operations::JOIN, schemas::Schemas};
use crate::model::{ClientMessage, CloseCode, CloseReason, PROTOCOL, ServerMessage};

const DESCRIPTION: &str = "Decides, for browser games and bots, who gets the asset: exactly once, under faults. \
    A message is a JSON object in one text frame. The server ignores members that it does not know.";

const CHANNEL: &str = "A room. The first frame is `welcome`. Every member receives a frame with an `offset`; only the \
    sender of a request receives its reply. The reason of the server's close frame is the schema `CloseReason`. Codes \
    4000-4099: do not reconnect; 4100-4199: reconnect after `retry_after_ms`; 4200-4299: reconnect at once with epoch \
    and offset.";

/// One message of each type, in a line of its own.
const EXAMPLES: &str = include_str!("examples.jsonl");

/// The requests with their replies. Each may be refused with an `error` instead.
const REPLIES: [(&str, &str); 7] = [
    ("select_asset", "selection"),
    ("release_asset", "release"),
    ("confirm_asset", "confirmation"),
    ("extend_asset", "extension"),
    ("sync", "snapshot"),
    ("refresh", "refreshed"),
    ("ping", "pong"),
];

/// The AsyncAPI document.
pub(super) fn document() -> Value {
    let mut schemas = Schemas::new(&SchemaSettings::draft07());
    let taken = schemas.variants_taken::<ClientMessage>();
    let sent = schemas.variants_sent::<ServerMessage>();
    schemas.sent(SchemaGenerator::subschema_for::<CloseReason>);
    let operations = operations(&taken, &sent);
    let messages: Map<_, _> = taken.into_iter().chain(sent).map(message).collect();
    let refer = |name: &String| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}));
    let of_channel: Map<_, _> = messages.keys().map(refer).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "asset-arbiter",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"plain": server("ws"), "tls": server("wss")},
        "channels": {"room": {
            "address": JOIN.path,
            "description": format!("{CHANNEL}\n\n{}", close_codes()),
            "parameters": {"room": {"description": "The room's name."}},
            "bindings": {"ws": bindings(&mut schemas)},
            "messages": of_channel,
        }},
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas.into_components(),
            "securitySchemes": {"playerToken": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Only where the server verifies player tokens.",
            }},
        },
    })
}

fn server(protocol: &str) -> Value {
    json!({
        "host": "{host}",
        "protocol": protocol,
        "description": format!("The subprotocol is `{PROTOCOL}`."),
        "variables": {"host": {"default": "127.0.0.1:8080", "description": "Name and port."}},
    })
}

/// One operation for each request, and one for all frames that answer none.
fn operations(taken: &[Value], sent: &[Value]) -> Value {
    let channel = json!({"$ref": "#/channels/room"});
    let refer = |name: &str| json!({"$ref": format!("#/channels/room/messages/{name}")});
    let mut operations = Map::new();
    for request in taken {
        let name = type_of(request);
        let reply = REPLIES.iter().find(|(request, _)| *request == name).map(|(_, reply)| refer(reply));
        let replies: Vec<_> = reply.into_iter().chain([refer("error")]).collect();
        let operation = json!({
            "action": "receive",
            "channel": channel,
            "summary": request["description"],
            "messages": [refer(name)],
            "reply": {"channel": channel, "messages": replies},
        });
        operations.insert(name.to_owned(), operation);
    }
    let frames = sent.iter().map(type_of).filter(|name| !REPLIES.iter().any(|(_, reply)| reply == name));
    let frames: Vec<_> = frames.chain(["snapshot"]).filter(|name| *name != "error").map(refer).collect();
    let summary = "The first frame, and the frames that every member receives.";
    let send = json!({"action": "send", "channel": channel, "summary": summary, "messages": frames});
    operations.insert("frames".to_owned(), send);
    operations.into()
}

/// The message of a schema.
fn message(mut payload: Value) -> (String, Value) {
    let name = type_of(&payload).to_owned();
    let summary = payload.as_object_mut().and_then(|schema| schema.remove("description"));
    let examples: Vec<_> = examples().filter(|example| example["type"] == *name).collect();
    let examples: Vec<_> = examples.into_iter().map(|example| json!({"payload": example})).collect();
    let message = json!({"name": name, "summary": summary, "payload": payload, "examples": examples});
    (name, message)
}

fn examples() -> impl Iterator<Item = Value> {
    EXAMPLES.lines().map(|line| serde_json::from_str(line).expect("a test reads every example"))
}

/// The `type` of a message, from its schema.
fn type_of(payload: &Value) -> &str {
    payload["properties"]["type"]["const"].as_str().expect("messages are told apart by their type")
}

fn bindings(schemas: &mut Schemas) -> Value {
    let mut query = Map::new();
    for parameter in JOIN.query {
        let mut schema = schemas.taken(parameter.schema);
        if schema.get("$ref").is_some() {
            schema = json!({"allOf": [schema]});
        }
        schema["description"] = parameter.description.into();
        query.insert(parameter.name.to_owned(), schema);
    }
    json!({
        "method": "GET",
        "query": {"type": "object", "properties": query, "additionalProperties": false},
        "headers": {"type": "object", "properties": {
            "Authorization": {"type": "string", "description": "`Bearer TOKEN`, where a player token is needed."},
            "Sec-WebSocket-Protocol": {
                "type": "string",
                "description": format!("`{PROTOCOL}`; in browsers also `bearer.TOKEN`, where a token is needed."),
            },
        }},
        "bindingVersion": "0.1.0",
    })
}

/// A list of all close codes.
fn close_codes() -> String {
    let schema = CloseCode::json_schema(&mut SchemaGenerator::default());
    let variants = schema.get("oneOf").and_then(Value::as_array);
    let mut list = String::new();
    for variant in variants.into_iter().flatten() {
        let said = variant["description"].as_str().unwrap_or_default();
        let _ = writeln!(list, "- {}: {said}", variant["const"]);
    }
    list
}
