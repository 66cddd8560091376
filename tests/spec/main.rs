//! `/openapi.json` and `/asyncapi.json`: they are served, they say what the server does, and what they said in the last
//! release still holds. That they are valid by the official schemas `official.test.mjs` proves; that the server answers
//! as they say every suite does, by `tests/support/spec.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compat;
mod decoders;
mod documents;
mod released;
#[path = "../support/mod.rs"]
mod support;

use asset_arbiter::server::{asyncapi_json, openapi_json};
use serde_json::Value;

fn openapi() -> Value {
    serde_json::from_str(openapi_json()).unwrap()
}

fn asyncapi() -> Value {
    serde_json::from_str(asyncapi_json()).unwrap()
}
