//! How operators end connections: kicks, revoked tokens, a player's second connection.

use asset_arbiter::{arbiter::SamePlayer, server::Secret};
use serde_json::{Value, json};

use crate::support::{
    Client, Closed, Server, Socket,
    tokens::{bearer, now, settings, token, token_with},
};

async fn server() -> Server {
    let server = Server::with(|setup| {
        setup.settings.tokens = settings();
        setup.settings.admin_key = Some(Secret::new("operator").unwrap());
    });
    let server = server.await;
    server.create("r", "sword", 2).await;
    server
}

/// The status and body of a request with the admin key.
async fn operate(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (body, key) = (if body.is_null() { String::new() } else { body.to_string() }, bearer("operator"));
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let length = format!("Content-Length: {}\r\n", body.len());
    let answer = server.ask(format!("{method} {path} HTTP/1.1\r\n{head}{key}{length}\r\n{body}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

async fn revoke(server: &Server, body: Value) -> Value {
    let (status, answer) = operate(server, "POST", "/v1/revocations", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn open(server: &Server, token: &str) -> Socket {
    Socket::open_with(server.address, "r/ws", &bearer(token)).await
}

async fn join(server: &Server, token: &str) -> Client {
    open(server, token).await.welcomed().await
}

/// The close code and its sentence.
async fn closed(socket: &mut Socket) -> (u16, String) {
    let Closed { code, retry_after_ms } = socket.closed().await;
    assert_eq!(retry_after_ms, 0, "nobody is to come back");
    (code, socket.refusal.clone().unwrap_or_default())
}

fn revoked() -> (u16, String) {
    (4003, "this token was revoked".to_owned())
}

#[tokio::test]
async fn a_revoked_player_is_out_and_cannot_come_back() {
    let server = server().await;
    let of_ann = token_with("ann", json!({"iat": now() - 5}));
    let (mut ann, mut again, mut bob) =
        (join(&server, &of_ann).await, join(&server, &of_ann).await, join(&server, &token("bob")).await);
    let answer = revoke(&server, json!({"player": "ann"})).await;
    assert_eq!(answer["player"], "ann");
    let issued_before = answer["issued_before"].as_f64().unwrap();
    assert!((now() as f64 - issued_before).abs() < 5.0, "in seconds: {answer}");
    assert!(answer["until"].as_f64().unwrap() > issued_before + 24.0 * 3600.0, "{answer}");
    for socket in [&mut ann, &mut again] {
        assert_eq!(closed(socket).await, revoked());
    }
    assert_eq!(closed(&mut open(&server, &of_ann).await).await, revoked());
    assert!(bob.gets("sword").await, "others play on");
    let later = token_with("ann", json!({"iat": now() + 2}));
    assert!(join(&server, &later).await.gets("sword").await, "a token signed since is a right one");
    let listed = operate(&server, "GET", "/v1/revocations", &Value::Null).await;
    assert_eq!(listed, (200, json!({"revocations": [answer]})));
}

#[tokio::test]
async fn a_token_can_be_revoked_by_its_id_and_by_its_key() {
    let server = server().await;
    let with_id = |jti: &str| token_with("ann", json!({"iat": now() - 5, "jti": jti}));
    let (mut stolen, mut other) = (join(&server, &with_id("t-1")).await, join(&server, &with_id("t-2")).await);
    revoke(&server, json!({"jti": "t-1"})).await;
    assert_eq!(closed(&mut stolen).await, revoked());
    assert!(other.gets("sword").await);
    revoke(&server, json!({"key": "key-1", "until": now() + 60})).await;
    assert_eq!(closed(&mut other).await, revoked());
    assert_eq!(closed(&mut open(&server, &with_id("t-3")).await).await, revoked());
}

#[tokio::test]
async fn a_revoked_token_refreshes_nothing_and_acts_no_more_over_http() {
    let server = server().await;
    let old = token_with("ann", json!({"iat": now() - 5, "jti": "old"}));
    let mut ann = join(&server, &token("ann")).await;
    revoke(&server, json!({"jti": "old"})).await;
    ann.say(json!({"type": "refresh", "token": old}).to_string()).await;
    assert_eq!(ann.closed().await.code, 4003);
    let select = "POST /v1/rooms/r/assets/sword/select HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let length = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    let answer = server.ask(format!("{select}{length}{}\r\n{{}}", bearer(&old))).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("this token was revoked"), "{answer}");
}

#[tokio::test]
async fn what_a_revocation_must_be() {
    let server = server().await;
    let (past, long) = (now() - 10, "x".repeat(257));
    for (body, why) in [
        (json!({}), "exactly one"),
        (json!({"player": "ann", "jti": "t"}), "exactly one"),
        (json!({"jti": "t", "player": null}), "null"),
        (json!({"player": "a b"}), "player name"),
        (json!({"jti": ""}), "jti"),
        (json!({"jti": long}), "jti"),
        (json!({"key": "with space"}), "key"),
        (json!({"key": long}), "key"),
        (json!({"player": "ann", "issued_before": "now"}), "issued_before"),
        (json!({"player": "ann", "issued_before": -1}), "seconds since 1970"),
        (json!({"player": "ann", "until": 1e19}), "seconds since 1970"),
        (json!({"player": "ann", "until": past}), "in the past"),
        (json!({"player": "ann", "reason": "cheats"}), "reason"),
    ] {
        let (status, answer) = operate(&server, "POST", "/v1/revocations", &body).await;
        let message = answer["message"].as_str().unwrap();
        assert!(status == 400 && message.contains(why), "{body}: {status} {message}");
    }
    let listed = operate(&server, "GET", "/v1/revocations", &Value::Null).await;
    assert_eq!(listed.1, json!({"revocations": []}), "nothing was revoked");
    let open = Server::start().await;
    let (status, answer) = operate(&open, "POST", "/v1/revocations", &json!({"player": "ann"})).await;
    assert!(status == 409 && answer["message"].as_str().unwrap().contains("DELETE"), "{status} {answer}");
}

#[tokio::test]
async fn only_operators_end_connections() {
    let server = server().await;
    for (method, path, body) in [
        ("POST", "/v1/revocations", r#"{"player":"bob"}"#),
        ("GET", "/v1/revocations", ""),
        ("DELETE", "/v1/rooms/r/players/bob", ""),
    ] {
        for (credential, status) in [(bearer(&token("ann")), 403), (String::new(), 401)] {
            let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
            let length = format!("Content-Length: {}\r\n", body.len());
            let request = format!("{method} {path} HTTP/1.1\r\n{head}{credential}{length}\r\n{body}");
            let answer = server.ask(request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_kicked_player_is_told_not_to_come_back() {
    let server = server().await;
    let name = "auth0|ann+1@x.y=~";
    let (mut ann, mut bob) = (join(&server, &token(name)).await, join(&server, &token("bob")).await);
    assert!(ann.gets("sword").await);
    let path = "/v1/rooms/r/players/auth0%7Cann%2B1%40x.y%3D~";
    let kicked = operate(&server, "DELETE", &format!("{path}?release=true"), &Value::Null).await;
    let answer = json!({"room": "r", "player": name, "connections": 1, "released": ["sword"]});
    assert_eq!(kicked, (200, answer));
    assert_eq!(closed(&mut ann).await, (4005, String::new()));
    assert_eq!(server.asset("r", "sword").await.remaining, 2);
    assert!(bob.gets("sword").await);
    assert_eq!(server.closes("4005").await, 1);
    let nobody = operate(&server, "DELETE", "/v1/rooms/r/players/zoe", &Value::Null).await;
    assert_eq!(nobody, (200, json!({"room": "r", "player": "zoe", "connections": 0, "released": []})));
    for wrong in ["?release=yes", "?release", "?now=true"] {
        let (status, answer) = operate(&server, "DELETE", &format!("{path}{wrong}"), &Value::Null).await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_message")), "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn a_second_connection_replaces_the_first_or_is_refused() {
    for (rule, code) in [(SamePlayer::Replace, 4006), (SamePlayer::Refuse, 4007)] {
        let server = Server::with(|setup| setup.config.same_player = rule).await;
        server.create("r", "sword", 1).await;
        let mut first = server.join("r", "ann").await;
        let elsewhere = server.join("q", "ann").await;
        let second = Client::try_join(server.address, "r/ws?player=ann").await;
        let mut stays = match second {
            Ok(second) => {
                assert_eq!(closed(&mut first).await, (code, String::new()));
                second
            }
            Err(refused) => {
                assert_eq!(refused.code, code);
                first
            }
        };
        assert!(stays.gets("sword").await, "{rule:?}");
        assert_eq!(server.closes(&code.to_string()).await, 1);
        drop(elsewhere);
    }
}
