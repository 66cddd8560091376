//! The HTTP API, over real sockets: each test has its own server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod server;
#[path = "../support/mod.rs"]
mod support;

mod backend_events;
mod cors;
mod drain;
mod errors;
mod events;
mod leases;
mod limits;
mod overview;
mod pages;
mod rooms;
mod safety;
mod tokens;
mod vital;

use asset_arbiter::model::ServerMessage;
use serde_json::json;
use server::Server;

#[tokio::test]
async fn an_asset_is_created_once_and_again_only_alike() {
    let server = Server::start().await;
    let created = server.call("PUT", "/v1/rooms/r/assets/sword", r#"{"units":3}"#).await;
    assert_eq!(created.status, 201);
    let body = created.json();
    assert_eq!((&body["asset"], &body["units"], &body["remaining"]), (&json!("sword"), &json!(3), &json!(3)));
    assert_eq!(body["revision"], 0);
    assert_eq!(server.call("PUT", "/v1/rooms/r/assets/sword", r#"{"units":3}"#).await.status, 200);
    let other = server.call("PUT", "/v1/rooms/r/assets/sword", r#"{"units":4}"#).await;
    assert_eq!(other.error(), (409, "conflict".to_owned()));
}

#[tokio::test]
async fn a_select_answers_with_the_fields_of_its_frame() {
    let server = Server::with_asset(1).await;
    let won = server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ada"}"#).await;
    assert_eq!(won.status, 200);
    let expected =
        json!({"asset": "sword", "granted": true, "remaining": 0, "revision": 1, "already_held": false});
    assert_eq!(won.json(), expected);
    let again = server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ada"}"#).await;
    assert_eq!((again.status, &again.json()["already_held"]), (200, &json!(true)));
    let lost = server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"bob"}"#).await;
    assert_eq!(lost.status, 409);
    let body = lost.json();
    let expected = json!({"code": "sold_out", "message": "no unit of sword is left", "asset": "sword",
        "granted": false, "reason": "sold_out", "remaining": 0, "revision": 1, "already_held": false});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_released_unit_can_be_had_again() {
    let server = Server::with_asset(1).await;
    server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ada"}"#).await;
    let released = server.call("POST", "/v1/rooms/r/assets/sword/release", r#"{"player":"ada"}"#).await;
    assert_eq!(released.status, 200);
    assert_eq!(released.json(), json!({"asset": "sword", "released": true, "remaining": 1, "revision": 2}));
    let again = server.call("POST", "/v1/rooms/r/assets/sword/release", r#"{"player":"ada"}"#).await;
    assert_eq!(again.error(), (409, "not_held".to_owned()));
    let other = server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"bob"}"#).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_restock_takes_a_revision_as_condition() {
    let server = Server::with_asset(1).await;
    let path = "/v1/rooms/r/assets/sword/restock";
    let more = server.call("POST", path, r#"{"units":2}"#).await;
    assert_eq!((more.status, &more.json()["units"], &more.json()["revision"]), (200, &json!(3), &json!(1)));
    let stale = server.call("POST", path, r#"{"units":2,"revision":0}"#).await;
    assert_eq!(stale.error(), (409, "conflict".to_owned()));
    let fresh = server.call("POST", path, r#"{"units":2,"revision":1}"#).await;
    assert_eq!((fresh.status, &fresh.json()["units"]), (200, &json!(5)));
}

#[tokio::test]
async fn a_room_is_shown_with_its_assets_also_when_nobody_is_in() {
    let server = Server::with_asset(2).await;
    server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ada"}"#).await;
    let room = server.get("/v1/rooms/r").await;
    assert_eq!(room.status, 200);
    let body = room.json();
    assert_eq!((&body["room"], &body["players"], &body["present"]), (&json!("r"), &json!(0), &json!([])));
    let sword = body["assets"].as_array().unwrap().iter().find(|asset| asset["asset"] == "sword").unwrap();
    assert_eq!((&sword["units"], &sword["remaining"], &sword["held"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(sword["holders"][0]["player"], "ada");
    assert_eq!(server.get("/v1/rooms/nobody").await.error(), (404, "unknown_room".to_owned()));
}

#[tokio::test]
async fn holders_come_in_pages_in_the_order_of_their_grants() {
    let server = Server::with_asset(5).await;
    for player in 0..5 {
        let body = format!(r#"{{"player":"p{player}"}}"#);
        server.call("POST", "/v1/rooms/r/assets/sword/select", &body).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/v1/rooms/r/assets/sword/holders?limit=2{after}")).await;
        assert_eq!(page.status, 200);
        let body = page.json();
        assert_eq!(body["asset"], "sword");
        for holder in body["holders"].as_array().unwrap() {
            assert!(holder["at"].is_u64());
            seen.push((holder["revision"].as_u64().unwrap(), holder["player"].as_str().unwrap().to_owned()));
        }
        let Some(next) = body["next_after"].as_u64() else { break };
        after = format!("&after={next}");
    }
    let expected: Vec<_> = (0..5).map(|player| (player + 1, format!("p{player}"))).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn whoever_misses_an_asset_is_told_how_assets_come_to_be() {
    let server = Server::with_asset(1).await;
    let mut ann = server.join("r", "ann").await;
    let ServerMessage::Error { message, .. } = ann.selects("bow").await else { panic!("there is no bow") };
    let over_http = |room: &str| format!("/v1/rooms/{room}/assets/bow/select");
    let here = server.call("POST", &over_http("r"), r#"{"player":"ann"}"#).await;
    let elsewhere = server.call("POST", &over_http("empty"), r#"{"player":"ann"}"#).await;
    for said in [&message, &here.message(), &elsewhere.message()] {
        for word in ["no asset bow", "--asset", "--auto-create", "PUT /v1/rooms/{room}/assets/{asset}"] {
            assert!(said.contains(word), "{word} is not in {said}");
        }
    }
}

#[tokio::test]
async fn what_is_removed_is_gone() {
    let server = Server::with_asset(1).await;
    let removed = server.call("DELETE", "/v1/rooms/r/assets/sword", "").await;
    assert_eq!((removed.status, removed.json()), (200, json!({"asset": "sword", "revision": 1})));
    let again = server.call("DELETE", "/v1/rooms/r/assets/sword", "").await;
    assert_eq!(again.error(), (404, "unknown_asset".to_owned()));
    let removed = server.call("DELETE", "/v1/rooms/r", "").await;
    assert_eq!((removed.status, removed.json()), (200, json!({"room": "r"})));
    assert_eq!(server.call("DELETE", "/v1/rooms/r", "").await.error(), (404, "unknown_room".to_owned()));
    assert_eq!(server.get("/v1/rooms/r").await.error(), (404, "unknown_room".to_owned()));
}
