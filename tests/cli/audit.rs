//! Each change of an operator is one line of the log, with who, what, the outcome and the request's id.

use serde_json::Value;

use super::{
    serve,
    support::{Client, ask},
};

const KEY: &str = "hunter2-key";

#[tokio::test]
async fn every_change_of_an_operator_is_one_line_of_the_log() {
    let server = serve(&["--listen", "127.0.0.1:0"], &[("ASSET_ARBITER_ADMIN_KEY", KEY)]).await;
    let change = async |method: &str, path: &str, body: &str, id: &str| {
        let request = format!(
            "{method} /v1/rooms/{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             X-Request-Id: {id}\r\nContent-Length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        );
        let answer = ask(server.address, request).await;
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    let _ann = Client::join(server.address, "r/ws?player=ann").await;
    let changes = [
        ("PUT", "r/assets/a", r#"{"units":2}"#, 201, "create, units: 2", "ok"),
        ("PUT", "r/assets/a", r#"{"units":3}"#, 409, "create, units: 3", "conflict"),
        ("POST", "r/assets/a/restock", r#"{"units":1}"#, 200, "restock, units: 1", "ok"),
        ("POST", "r/assets/a/release", r#"{"player":"ann"}"#, 409, "release", "not_held"),
        ("POST", "r/reset", "", 200, "reset", "ok"),
        ("DELETE", "r/players/ann", "", 200, "kick", "ok"),
        ("DELETE", "r/assets/a", "", 200, "remove asset", "ok"),
        ("DELETE", "r", "", 200, "remove room", "ok"),
    ];
    for (n, (method, path, body, status, ..)) in changes.iter().enumerate() {
        assert_eq!(change(method, path, body, &format!("id-{n}")).await, *status, "{method} {path}");
    }
    server.will_log("remove room").await;
    server.terminate().await;
    let log = server.ended().await.log;
    assert!(!log.contains(KEY));
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let changed: Vec<_> = lines.iter().filter(|line| line["by"].is_string()).collect();
    assert_eq!(changed.len(), changes.len(), "{log}");
    for (n, (line, (_, path, .., action, outcome))) in changed.iter().zip(changes).enumerate() {
        let field = |name: &str| line[name].as_str().unwrap_or_default();
        assert_eq!((field("level"), field("by")), ("INFO", "admin"), "{line}");
        assert_eq!((field("message"), field("outcome")), (action, outcome), "{line}");
        assert_eq!((field("room"), field("request_id")), ("r", format!("id-{n}").as_str()), "{line}");
        assert_eq!(field("asset"), if path.contains("/assets/") { "a" } else { "" }, "{line}");
        let player = if action == "release" || action == "kick" { "ann" } else { "" };
        assert_eq!(field("player"), player, "{line}");
    }
}
