//! Grants that end over HTTP, and told over WebSocket.

use std::time::Duration;

use asset_arbiter::model::{EndReason, ServerMessage};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::server::{Answer, Server};

async fn put(server: &Server, asset: &str, body: &str) -> Answer {
    server.call("PUT", &format!("/v1/rooms/r/assets/{asset}"), body).await
}

async fn post(server: &Server, asset: &str, what: &str, body: &str) -> Answer {
    server.call("POST", &format!("/v1/rooms/r/assets/{asset}/{what}"), body).await
}

/// What it has for a name, a number or a flag.
fn field<'a>(answer: &'a Value, name: &str) -> &'a Value {
    &answer[name]
}

#[tokio::test]
async fn a_hold_is_taken_extended_confirmed_and_told() {
    let server = Server::start().await;
    let body = r#"{"units":1,"hold_ms":60000,"grant_ms":120000}"#;
    let created = put(&server, "seat", body).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["options"], json!({"hold_ms": 60000, "grant_ms": 120_000}));
    assert_eq!(put(&server, "seat", body).await.status, 200);
    let mut bob = server.join("r", "bob").await;
    let held = post(&server, "seat", "select", r#"{"player":"ann"}"#).await.json();
    assert!((59_000..=60_000).contains(&held["ttl_ms"].as_u64().unwrap()), "{held}");
    let told = bob.hear_until(|it| match it {
        ServerMessage::AssetGranted { until, ttl_ms, .. } => Some((until.unwrap(), ttl_ms.unwrap())),
        _ => None,
    });
    assert_eq!(told.await, (held["until"].as_u64().unwrap(), 60_000));
    sleep(Duration::from_millis(20)).await;
    let extended = post(&server, "seat", "extend", r#"{"player":"ann"}"#).await;
    assert_eq!(extended.status, 200);
    assert!(extended.json()["until"].as_u64() > held["until"].as_u64());
    let page = server.get("/v1/rooms/r/assets/seat/holders").await.json();
    assert_eq!(page["holders"][0]["hold"], json!(true));
    let confirmed = post(&server, "seat", "confirm", r#"{"player":"ann"}"#).await.json();
    assert_eq!(
        (field(&confirmed, "confirmed"), field(&confirmed, "already_confirmed")),
        (&json!(true), &json!(false))
    );
    assert!(confirmed["ttl_ms"].as_u64().unwrap() > 119_000);
    let again = post(&server, "seat", "confirm", r#"{"player":"ann","retake":true}"#).await.json();
    assert_eq!(again["already_confirmed"], json!(true));
    assert_eq!(
        post(&server, "seat", "extend", r#"{"player":"ann"}"#).await.error(),
        (409, "conflict".to_owned())
    );
    let room = server.get("/v1/rooms/r").await.json();
    let holder = &room["assets"][0]["holders"][0];
    assert_eq!((&holder["player"], &holder["until"]), (&json!("ann"), &confirmed["until"]));
    let page = server.get("/v1/rooms/r/assets/seat/holders").await.json();
    let holder = &page["holders"][0];
    assert_eq!((&holder["until"], &holder["hold"]), (&confirmed["until"], &Value::Null));
}

#[tokio::test]
async fn what_ended_is_said_and_a_unit_that_is_left_can_be_taken() {
    let server = Server::start().await;
    put(&server, "seat", r#"{"units":1,"hold_ms":50}"#).await;
    let mut bob = server.join("r", "bob").await;
    let since = Instant::now();
    assert_eq!(post(&server, "seat", "select", r#"{"player":"ann"}"#).await.status, 200);
    let told = bob.hear_until(|it| match it {
        ServerMessage::AssetReleased { player, reason, remaining, .. } => {
            Some((player.to_string(), *reason, *remaining))
        }
        _ => None,
    });
    assert_eq!(told.await, ("ann".to_owned(), EndReason::Expired, 1));
    assert!(since.elapsed() >= Duration::from_millis(50));
    let late = post(&server, "seat", "confirm", r#"{"player":"ann"}"#).await;
    let body = late.json();
    assert_eq!(
        (late.status, &body["code"], &body["reason"]),
        (409, &json!("hold_expired"), &json!("hold_expired"))
    );
    assert_eq!((&body["confirmed"], &body["remaining"]), (&json!(false), &json!(1)));
    assert_eq!(
        post(&server, "seat", "extend", r#"{"player":"ann"}"#).await.error(),
        (409, "hold_expired".to_owned())
    );
    let retaken = post(&server, "seat", "confirm", r#"{"player":"ann","retake":true}"#).await;
    assert_eq!((retaken.status, &retaken.json()["confirmed"]), (200, &json!(true)));
    assert_eq!(
        post(&server, "seat", "confirm", r#"{"player":"cat"}"#).await.error(),
        (409, "not_held".to_owned())
    );
    assert_eq!(
        post(&server, "bow", "confirm", r#"{"player":"cat"}"#).await.error(),
        (404, "unknown_asset".to_owned())
    );
}

#[tokio::test]
async fn who_must_wait_is_told_how_long() {
    let server = Server::start().await;
    put(&server, "loot", r#"{"units":2,"for":["ann"],"for_ms":60000,"cooldown_ms":60000}"#).await;
    let denied = post(&server, "loot", "select", r#"{"player":"bob"}"#).await;
    let body = denied.json();
    assert_eq!((denied.status, &body["code"], &body["reason"]), (409, &json!("reserved"), &json!("reserved")));
    assert!((50_000..=60_000).contains(&body["retry_after_ms"].as_u64().unwrap()), "{body}");
    assert_eq!(post(&server, "loot", "select", r#"{"player":"ann"}"#).await.status, 200);
    assert_eq!(post(&server, "loot", "release", r#"{"player":"ann"}"#).await.status, 200);
    let mut ann = server.join("r", "ann").await;
    match ann.selects("loot").await {
        ServerMessage::Selection { granted: false, reason, retry_after_ms, remaining: 2, .. } => {
            assert_eq!(serde_json::to_string(&reason).unwrap(), r#""cooldown""#);
            assert!((50_000..=60_000).contains(&retry_after_ms.unwrap()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_grants_of_a_kicked_player_end_as_kicked() {
    let server = Server::start().await;
    put(&server, "seat", r#"{"units":1,"hold_ms":60000}"#).await;
    let mut bob = server.join("r", "bob").await;
    assert_eq!(post(&server, "seat", "select", r#"{"player":"ann"}"#).await.status, 200);
    assert_eq!(server.call("DELETE", "/v1/rooms/r/players/ann?release=true", "").await.status, 200);
    let reason = bob.hear_until(|it| match it {
        ServerMessage::AssetReleased { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason.await, EndReason::Kicked);
}

#[tokio::test]
async fn bad_options_are_named_and_change_nothing() {
    let server = Server::start().await;
    for (body, said) in [
        (r#"{"units":1,"hold_ms":-1}"#, "hold_ms"),
        (r#"{"units":1,"hold_ms":0}"#, "hold_ms is 1 to"),
        (r#"{"units":1,"grant_ms":1.5}"#, "grant_ms"),
        (r#"{"units":1,"leave_ms":"3s"}"#, "leave_ms"),
        (r#"{"units":1,"cooldown_ms":99999999999999}"#, "cooldown_ms is 1 to"),
        (r#"{"units":1,"grant_ms":1e300}"#, "grant_ms"),
        (r#"{"units":1,"for_ms":5}"#, "together"),
        (r#"{"units":1,"for":["ann"]}"#, "together"),
        (r#"{"units":1,"for":["ann","ann"],"for_ms":5}"#, "twice"),
        (r#"{"units":1,"for":"ann","for_ms":5}"#, "for"),
        (r#"{"units":1,"hold":5}"#, "hold"),
    ] {
        let refused = put(&server, "seat", body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.body);
        assert!(refused.message().contains(said), "{body}: {}", refused.body);
    }
    let refused = put(&server, "seat", r#"{"units":1,"for":["a b"],"for_ms":5}"#).await;
    assert_eq!(refused.error(), (400, "invalid_name".to_owned()));
    let refused = put(&server, "seat", r#"{"units":1,"hold_ms":900001}"#).await;
    assert_eq!(refused.error().1, "limit_reached");
    assert!(refused.message().contains("--max-hold"), "{}", refused.body);
    assert_eq!(server.get("/v1/rooms/r").await.status, 404, "nothing was created");
    assert_eq!(put(&server, "seat", r#"{"units":1}"#).await.status, 201);
    let other = put(&server, "seat", r#"{"units":1,"hold_ms":5}"#).await;
    assert_eq!(other.error(), (409, "conflict".to_owned()));
    assert!(other.message().contains("hold_ms"), "{}", other.body);
    let wrong = post(&server, "seat", "confirm", r#"{"player":"ann","retake":"yes"}"#).await;
    assert_eq!(wrong.error().0, 400);
}

#[tokio::test]
async fn an_asset_without_options_says_nothing_of_them() {
    let server = Server::with_asset(1).await;
    let won = post(&server, "sword", "select", r#"{"player":"ann"}"#).await;
    let fields: Vec<_> = won.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields.len(), 5, "{fields:?}");
    let room = server.get("/v1/rooms/r").await.json();
    assert_eq!(room["assets"][0].as_object().unwrap().len(), 6, "{room}");
    assert_eq!(room["assets"][0]["holders"][0].as_object().unwrap().len(), 2, "{room}");
    let confirmed = post(&server, "sword", "confirm", r#"{"player":"ann"}"#).await.json();
    assert_eq!((&confirmed["already_confirmed"], confirmed.get("until")), (&json!(true), None));
    assert_eq!(
        post(&server, "sword", "extend", r#"{"player":"ann"}"#).await.error(),
        (409, "conflict".to_owned())
    );
}
