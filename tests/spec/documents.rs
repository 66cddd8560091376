use std::collections::BTreeSet;

use asset_arbiter::{model::CloseCode, server};
use serde_json::Value;

use crate::{
    asyncapi, openapi,
    support::{Server, get, spec},
};

#[tokio::test]
async fn the_documents_are_served_to_everybody() {
    let server =
        Server::with(|setup| setup.settings.admin_key = Some(server::Secret::new("key").unwrap())).await;
    for (path, document) in
        [("/openapi.json", server::openapi_json()), ("/asyncapi.json", server::asyncapi_json())]
    {
        let answer = get(server.address, path).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
        assert!(answer.ends_with(document), "{path}");
    }
}

#[test]
fn the_documents_have_the_version_of_the_server() {
    for document in [openapi(), asyncapi()] {
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for document in [openapi(), asyncapi()] {
        let mut references = 0;
        each(&document, &mut |value| {
            if let Some(Value::String(reference)) = value.get("$ref") {
                references += 1;
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
        });
        assert!(references > 30, "{references}");
    }
}

#[test]
fn no_description_speaks_of_code() {
    for document in [openapi(), asyncapi()] {
        each(&document, &mut |value| {
            let description = value.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(
                !description.contains("::") && !description.contains("](") && !description.contains("[`"),
                "{description}"
            );
        });
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = openapi();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let names: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

/// A server names the parameters of a path to whoever gives another one.
#[tokio::test]
async fn the_parameters_of_a_query_are_those_that_the_server_takes() {
    let (server, document) = (Server::start().await, openapi());
    for (form, methods) in document["paths"].as_object().unwrap() {
        let Some(operation) = methods.get("get").filter(|_| form.starts_with("/v1/")) else { continue };
        let parameters = operation["parameters"].as_array().unwrap().iter();
        let names: Vec<_> =
            parameters.filter(|of| of["in"] == "query").map(|of| of["name"].as_str().unwrap()).collect();
        let expected = if names.is_empty() {
            "this path takes none\"".to_owned()
        } else {
            format!("takes {}\"", names.join(", "))
        };
        let path = form.replace("{room}", "r").replace("{asset}", "a").replace("{player}", "p");
        let answer = get(server.address, &format!("{path}?other=1")).await;
        assert!(answer.contains(&expected), "{expected}: {answer}");
    }
}

#[test]
fn every_message_has_an_example_that_is_valid() {
    let document = asyncapi();
    let messages = document["components"]["messages"].as_object().unwrap();
    let mut examples = 0;
    for (name, message) in messages {
        let payloads: Vec<_> =
            message["examples"].as_array().unwrap().iter().map(|of| &of["payload"]).collect();
        assert!(!payloads.is_empty(), "{name}");
        for payload in payloads {
            assert_eq!(payload["type"], **name);
            spec::check_frame(&payload.to_string());
            examples += 1;
        }
    }
    let lines = include_str!("../../src/server/spec/examples.jsonl").lines().count();
    assert_eq!(examples, lines, "an example is of no message");
}

#[test]
fn every_message_is_sent_or_taken_by_an_operation() {
    let document = asyncapi();
    let mut used = BTreeSet::new();
    for operation in document["operations"].as_object().unwrap().values() {
        let lists = [&operation["messages"], &operation["reply"]["messages"]];
        for message in lists.into_iter().filter_map(Value::as_array).flatten() {
            used.insert(message["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
        }
        if operation["action"] == "receive" {
            assert_eq!(
                operation["reply"]["messages"].as_array().unwrap().len(),
                2,
                "a reply or an error: {operation}"
            );
        }
    }
    let messages: BTreeSet<_> =
        document["components"]["messages"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(used, messages);
}

#[test]
fn every_close_code_is_told() {
    let document = asyncapi();
    let codes = &document["components"]["schemas"]["CloseCode"]["oneOf"];
    let told: Vec<_> = codes.as_array().unwrap().iter().map(|code| code["const"].clone()).collect();
    let all = CloseCode::ALL.map(CloseCode::number);
    assert_eq!(told, all, "CloseCode::ALL has every variant, in the order of the enum");
    let channel = document["channels"]["room"]["description"].as_str().unwrap();
    for code in all {
        assert!(channel.contains(&format!("\n- {code}: ")), "{code}: {channel}");
    }
}

#[test]
fn what_is_not_documented_is_noticed() {
    let pong = r#"{"type":"pong","server_time":1}"#;
    spec::check_frame(pong);
    for bad in [
        r#"{"type":"pang","server_time":1}"#,
        r#"{"type":"pong"}"#,
        r#"{"type":"pong","server_time":"1"}"#,
        r#"{"type":"pong","server_time":1,"request_id":null}"#,
        r#"{"type":"pong","server_time":1,"more":1}"#,
        r#"{"type":"selection","asset":"a b","granted":true,"remaining":1,"revision":1,"already_held":false}"#,
        r#"{"type":"selection","asset":"a","granted":false,"reason":"x","remaining":1,"revision":1,"already_held":false}"#,
    ] {
        assert!(std::panic::catch_unwind(|| spec::check_frame(bad)).is_err(), "{bad}");
    }
    let answer = |status: u16, body: &str| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}");
        format!("{head}\r\n\r\n{body}")
    };
    let get = b"GET /v1/rooms/r HTTP/1.1\r\n\r\n";
    let error = r#"{"code":"unknown_room","message":"m"}"#;
    spec::check_answer(get, &answer(404, error));
    for (status, body) in [
        (418, error),
        (200, error),
        (404, "{}"),
        (404, r#"{"code":"unknown","message":"m"}"#),
        (404, r#"{"code":"unknown_room","message":"m","room":"r"}"#),
    ] {
        assert!(
            std::panic::catch_unwind(|| spec::check_answer(get, &answer(status, body))).is_err(),
            "{status} {body}"
        );
    }
}

/// Calls `look` with every value in a document.
fn each(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Object(object) => object.values().for_each(|value| each(value, look)),
        Value::Array(items) => items.iter().for_each(|value| each(value, look)),
        _ => {}
    }
}
