//! What a player's token, the admin key and the viewer key allow over HTTP.

use asset_arbiter::server::{Secret, Settings};
use serde_json::json;

use crate::{
    server::Server,
    support::tokens::{bearer, settings, token, token_that_can, token_with},
};

const SELECT: &str = "/v1/rooms/r/assets/sword/select";
const RELEASE: &str = "/v1/rooms/r/assets/sword/release";
const READS: [&str; 2] = ["/v1/rooms/r", "/v1/rooms/r/assets/sword/holders"];

/// With an asset `sword` of three units in the room `r`.
async fn server() -> Server {
    let [admin_key, viewer_key] = ["operator", "viewer"].map(|key| Some(Secret::new(key).unwrap()));
    let server =
        Server::with(Settings { admin_key, viewer_key, tokens: settings(), ..Settings::default() }).await;
    let made = server.call_with("PUT", "/v1/rooms/r/assets/sword", r#"{"units":3}"#, &bearer("operator")).await;
    assert_eq!(made.status, 201);
    server
}

#[tokio::test]
async fn a_player_acts_for_itself_alone() {
    let server = server().await;
    let ann = bearer(&token("ann"));
    for (path, body) in [(SELECT, r#"{"player":"ann"}"#), (SELECT, "{}"), (RELEASE, "{}"), (SELECT, "{}")] {
        let answer = server.call_with("POST", path, body, &ann).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    }
    let holders = server.call_with("GET", READS[1], "", &ann).await.json();
    assert_eq!(
        (&holders["holders"][0]["player"], holders["holders"].as_array().unwrap().len()),
        (&json!("ann"), 1)
    );
    let other_room = bearer(&token_with("ann", json!({"arbiter": {"rooms": ["q"]}})));
    let other_asset = bearer(&token_with("ann", json!({"arbiter": {"rooms": ["r"], "assets": ["loot:*"]}})));
    for (path, body, header) in [
        (SELECT, r#"{"player":"bob"}"#, &ann),
        (SELECT, "{}", &other_room),
        (SELECT, "{}", &other_asset),
        (RELEASE, "{}", &bearer(&token_that_can("ann", &["select", "observe"]))),
    ] {
        let answer = server.call_with("POST", path, body, header).await;
        assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{path} {body}");
    }
}

#[tokio::test]
async fn a_players_token_is_no_operators_key() {
    let server = server().await;
    for credential in [token("ann"), "viewer".to_owned()] {
        for (method, path, body) in [
            ("PUT", "/v1/rooms/r/assets/bow", r#"{"units":1}"#),
            ("POST", "/v1/rooms/r/assets/sword/restock", r#"{"units":1}"#),
            ("DELETE", "/v1/rooms/r/assets/sword", ""),
            ("DELETE", "/v1/rooms/r", ""),
        ] {
            let answer = server.call_with(method, path, body, &bearer(&credential)).await;
            assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{method} {path}");
        }
    }
    let viewer = server.call_with("POST", SELECT, r#"{"player":"ann"}"#, &bearer("viewer")).await;
    assert_eq!(viewer.error().0, 403);
    let operator = server.call_with("POST", SELECT, r#"{"player":"zoe"}"#, &bearer("operator")).await;
    assert_eq!(operator.status, 200, "for anybody");
    let nobody = server.call_with("POST", SELECT, "{}", &bearer("operator")).await;
    assert_eq!(nobody.error().0, 400);
}

#[tokio::test]
async fn reading_a_room_needs_a_credential_for_it() {
    let server = server().await;
    let other_room = token_with("ann", json!({"arbiter": {"rooms": ["q"]}}));
    for path in READS {
        for credential in ["operator", "viewer", &token("ann"), &token_that_can("ann", &["observe"])] {
            assert_eq!(server.call_with("GET", path, "", &bearer(credential)).await.status, 200, "{path}");
        }
        assert_eq!(server.call_with("GET", path, "", &bearer(&other_room)).await.error().0, 403, "{path}");
        for header in [String::new(), bearer("nonsense"), bearer("viewer2")] {
            let answer = server.call_with("GET", path, "", &header).await;
            assert_eq!(answer.error(), (401, "unauthorized".to_owned()), "{path} {header}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for path in ["/healthz", "/readyz", "/", "/asset-arbiter.js"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn where_tokens_are_verified_changes_need_an_admin_key() {
    let server = Server::with(Settings { tokens: settings(), ..Settings::default() }).await;
    for header in [String::new(), bearer("anything")] {
        let answer = server.call_with("PUT", "/v1/rooms/r/assets/sword", r#"{"units":3}"#, &header).await;
        assert_eq!(answer.error().0, 401);
        assert!(answer.message().contains("--admin-key-file"), "{}", answer.message());
    }
}
