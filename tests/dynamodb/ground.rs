use std::net::SocketAddr;

use futures::future::join_all;
use serde_json::Value;

use crate::{
    engines::dynamodb::{self, Engine, Server, url},
    remote::network::Sides,
};

/// What writes a grant, and what the request for it is called: holders are inside their asset's item, or have
/// items of their own.
pub(crate) const WAYS: [(&str, &str); 2] = [("", ".PutItem"), ("&inline=0", ".TransactWriteItems")];

/// At most two holders are inside their asset's item, and the others have items of their own.
pub(crate) const APART: &str = "&inline=2";

/// A server of every engine this machine has.
pub(crate) async fn servers() -> Vec<Server> {
    join_all(dynamodb::all().iter().map(Engine::start)).await
}

/// A store behind a proxy, and the same server past it.
pub(crate) async fn behind_proxy(server: &Server, (options, write): (&str, &'static str)) -> Sides {
    let target = SocketAddr::from(([127, 0, 0, 1], server.port));
    let sides = Sides::of(target, |address| url(&address.to_string()) + options, write).await;
    Sides { restock: ".PutItem", ..sides }
}

/// What the service says to a request that it does not carry out.
pub(crate) fn refusal(status: u16, code: &str, more: Value) -> &'static str {
    let mut body = serde_json::json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}") });
    body["message"] = "in the words of the service".into();
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    answer(status, &body)
}

pub(crate) fn answer(status: u16, body: &Value) -> &'static str {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: ");
    // Few, and the process ends soon.
    Box::leak(format!("{head}{}\r\n\r\n{body}", body.len()).into_boxed_str())
}
