//! `/openapi.json` and `/asyncapi.json`: what the server speaks, from the types that it speaks with.

mod asyncapi;
mod openapi;
mod operation;
mod schemas;

pub(super) mod operations;

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::IntoResponse,
};
pub(super) use operation::Operation;
use serde_json::Value;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Made when it is asked for first, because most servers are never asked.
static OPENAPI: LazyLock<String> = LazyLock::new(|| text(&openapi::document(&super::routes::operations())));
static ASYNCAPI: LazyLock<String> = LazyLock::new(|| text(&asyncapi::document()));

/// The HTTP API as an OpenAPI 3.1 document in JSON, as `/openapi.json` serves it.
#[must_use]
pub fn openapi_json() -> &'static str {
    &OPENAPI
}

/// The WebSocket protocol as an AsyncAPI 3.0 document in JSON, as `/asyncapi.json` serves it.
#[must_use]
pub fn asyncapi_json() -> &'static str {
    &ASYNCAPI
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], openapi_json())
}

/// `GET /asyncapi.json`
pub(super) async fn asyncapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], asyncapi_json())
}

fn text(document: &Value) -> String {
    serde_json::to_string(document).expect("a value is JSON")
}
