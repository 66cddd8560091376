//! Holds whatever a server sends to tests against the documents that it serves.

use std::{collections::HashMap, sync::LazyLock};

use asset_arbiter::server::{asyncapi_json, openapi_json};
use jsonschema::{Draft, Validator};
use serde_json::Value;

static OPENAPI: LazyLock<OpenApi> = LazyLock::new(OpenApi::new);
static ASYNCAPI: LazyLock<AsyncApi> = LazyLock::new(AsyncApi::new);

/// A text frame that a server sent.
pub(crate) fn check_frame(text: &str) {
    let frame = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    check(ASYNCAPI.message(&frame), &frame);
}

/// The reason of a close frame that a server sent.
pub(crate) fn check_close(reason: &str) {
    let reason = serde_json::from_str(reason).unwrap_or_else(|error| panic!("{error}: {reason}"));
    check(&ASYNCAPI.close, &reason);
}

/// Whether a schema of `/asyncapi.json` takes a message, as a client would send it.
pub(crate) fn is_message(message: &Value) -> bool {
    ASYNCAPI.taken.iter().any(|schema| schema.is_valid(message))
}

/// Whether the schema of an operation's body in `/openapi.json` takes a body.
pub(crate) fn is_body(method: &str, path: &str, body: &Value) -> bool {
    OPENAPI.operation(method, path).is_some_and(|operation| operation.body.as_ref().unwrap().is_valid(body))
}

/// An answer to a request, both as they went over the wire. What is no JSON is not looked at.
pub(crate) fn check_answer(request: &[u8], answer: &str) {
    let request = String::from_utf8_lossy(request);
    let mut line = request.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return };
    let headers = head.to_ascii_lowercase();
    if !headers.contains("\r\ncontent-type: application/json") || method == "HEAD" {
        return;
    }
    let body = if headers.contains("\r\ntransfer-encoding: chunked") {
        joined(body)
    } else {
        let length = headers.split("\r\ncontent-length: ").nth(1).unwrap().lines().next().unwrap();
        body[..length.parse().unwrap()].to_owned()
    };
    let status = head.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap_or_default();
    let path = path.find("://").map_or(path, |at| &path[at + 3 + path[at + 3..].find('/').unwrap_or(0)..]);
    let schema = match OPENAPI.operation(method, path) {
        Some(operation) => operation.answers.get(status),
        None => Some(&OPENAPI.error),
    };
    let schema =
        schema.unwrap_or_else(|| panic!("{method} {target}: no word of {status} in the document: {body}"));
    check(schema, &serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")));
}

fn check(schema: &Validator, value: &Value) {
    if let Err(error) = schema.validate(value) {
        panic!("not as documented: {error}, at {:?} of {value}", error.instance_path().to_string());
    }
}

/// The body of an answer that came in chunks.
pub(crate) fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&rest[..size]);
        chunks = rest[size..].strip_prefix("\r\n").unwrap();
    }
    body
}

/// The schemas of `/openapi.json`.
struct OpenApi {
    operations: Vec<Operation>,
    error: Validator,
}

struct Operation {
    method: String,
    path: String,
    body: Option<Validator>,
    /// By status.
    answers: HashMap<String, Validator>,
}

impl OpenApi {
    fn new() -> Self {
        let mut document: Value = serde_json::from_str(openapi_json()).unwrap();
        close(&mut document["components"]["schemas"]);
        let components = &document["components"];
        let compiled = |schema: &Value| compiled(Draft::Draft202012, components, schema);
        let error = compiled(&serde_json::json!({"$ref": "#/components/schemas/Error"}));
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let content =
                    |of: &Value| of["content"].get("application/json").map(|json| compiled(&json["schema"]));
                let answers = operation["responses"].as_object().unwrap().iter();
                let answers = answers.filter_map(|(status, answer)| {
                    let shared = answer["$ref"].as_str().and_then(|shared| document.pointer(&shared[1..]));
                    Some((status.clone(), content(shared.unwrap_or(answer))?))
                });
                operations.push(Operation {
                    method: method.to_ascii_uppercase(),
                    path: path.clone(),
                    body: content(&operation["requestBody"]),
                    answers: answers.collect(),
                });
            }
        }
        Self { operations, error }
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.method == method && fits(&operation.path, path))
    }
}

/// Whether a path is of this form, in which `{name}` is any segment.
fn fits(form: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    form.split('/').all(|part| segments.next().is_some_and(|segment| part.starts_with('{') || part == segment))
        && segments.next().is_none()
}

/// The schemas of `/asyncapi.json`.
struct AsyncApi {
    /// Of all messages, by their type.
    messages: HashMap<String, Validator>,
    /// Of the messages that the server takes.
    taken: Vec<Validator>,
    close: Validator,
}

impl AsyncApi {
    fn new() -> Self {
        let open: Value = serde_json::from_str(asyncapi_json()).unwrap();
        let mut closed = open.clone();
        close(&mut closed["components"]);
        let compiled =
            |document: &Value, schema: &Value| compiled(Draft::Draft7, &document["components"], schema);
        let messages = closed["components"]["messages"].as_object().unwrap();
        let operations = open["operations"].as_object().unwrap().values();
        let taken = operations.filter(|operation| operation["action"] == "receive").map(|operation| {
            let name = operation["messages"][0]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            compiled(&open, &open["components"]["messages"][name]["payload"])
        });
        Self {
            messages: messages
                .iter()
                .map(|(name, message)| (name.clone(), compiled(&closed, &message["payload"])))
                .collect(),
            taken: taken.collect(),
            close: compiled(&closed, &closed["components"]["schemas"]["CloseReason"]),
        }
    }

    fn message(&self, frame: &Value) -> &Validator {
        let name = frame["type"].as_str().unwrap_or_else(|| panic!("no type: {frame}"));
        self.messages.get(name).unwrap_or_else(|| panic!("no word of this in the document: {frame}"))
    }
}

/// A schema that may refer to the components of its document.
fn compiled(draft: Draft, components: &Value, schema: &Value) -> Validator {
    let mut schema = schema.as_object().unwrap().clone();
    schema.insert("components".to_owned(), components.clone());
    let schema = match schema.remove("$ref") {
        // Beside a reference draft 7 sees nothing, not even what is referred to.
        Some(reference) => serde_json::json!({"components": components, "allOf": [{"$ref": reference}]}),
        None => Value::Object(schema),
    };
    jsonschema::options().with_draft(draft).build(&schema).unwrap()
}

/// Forbids every member that a schema does not name. A document leaves objects open, because later servers may send more;
/// this server may not.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("properties").is_some_and(Value::is_object)
                && object.get("type").is_some_and(|t| t == "object")
            {
                object.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
