//! Events are sent to a webhook: over real sockets, to a receiver that can also misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "redis")]
#[path = "../engines/mod.rs"]
mod engines;
#[path = "../support/mod.rs"]
mod support;

mod delivery;
mod failures;
#[cfg(feature = "redis")]
mod nodes;
mod operators;
mod process;
mod receiver;

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    server::{WebhookPace, WebhookSecret, WebhookSettings, WebhookUrl},
    store::MemoryStore,
};
use serde_json::{Value, json};
use support::{Server, call};

use crate::receiver::Receiver;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Retries within milliseconds, so that no test waits for seconds.
fn quick() -> WebhookPace {
    WebhookPace {
        attempt: Duration::from_secs(20),
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(100),
        look_every: Duration::from_millis(50),
        look_again: Duration::from_millis(50),
        ..WebhookPace::default()
    }
}

fn settings(url: &str, pace: WebhookPace) -> WebhookSettings {
    let (url, secrets) = (WebhookUrl::parse(url).unwrap(), WebhookSecret::parse_all(SECRET).unwrap());
    WebhookSettings { url, secrets, pace }
}

/// A server that keeps events and sends them.
async fn server_of(webhook: WebhookSettings) -> Server {
    Server::with(|setup| {
        setup.inner = Some(Arc::new(MemoryStore::new(None).with_events(Some(1000))));
        setup.settings.webhook = Some(webhook);
    })
    .await
}

async fn server_with(url: &str, pace: WebhookPace) -> Server {
    server_of(settings(url, pace)).await
}

async fn server(receiver: &Receiver) -> Server {
    server_with(&receiver.url(), quick()).await
}

/// The webhook as operators see it.
async fn shown(server: &Server) -> Value {
    let answer = call(server.address, "GET", "/v1/webhooks", "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    body["webhooks"][0].clone()
}

async fn select(server: &Server, room: &str, player: &str) {
    let body = json!({ "player": player }).to_string();
    let path = format!("/v1/rooms/{room}/assets/sword/select");
    let answer = call(server.address, "POST", &path, &body).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn deliveries(server: &Server, outcome: &str) -> u64 {
    server.metric(&format!("asset_arbiter_webhook_deliveries_total{{outcome=\"{outcome}\"}}")).await
}
