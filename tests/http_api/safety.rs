//! Who may do what: the admin key and the origin of pages.

use asset_arbiter::server::{Secret, Settings};

use crate::server::Server;

const CHANGES: [(&str, &str, &str); 6] = [
    ("PUT", "/v1/rooms/r/assets/sword", r#"{"units":1}"#),
    ("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ada"}"#),
    ("POST", "/v1/rooms/r/assets/sword/release", r#"{"player":"ada"}"#),
    ("POST", "/v1/rooms/r/assets/sword/restock", r#"{"units":1}"#),
    ("DELETE", "/v1/rooms/r/assets/sword", ""),
    ("DELETE", "/v1/rooms/r", ""),
];

async fn locked() -> Server {
    Server::with(Settings { admin_key: Some(Secret::new("hunter2").unwrap()), ..Settings::default() }).await
}

#[tokio::test]
async fn every_change_needs_the_admin_key() {
    let server = locked().await;
    for (method, path, body) in CHANGES {
        for header in [
            "",
            "Authorization: Bearer hunter\r\n",
            "Authorization: Bearer hunter22\r\n",
            "Authorization: Basic hunter2\r\n",
            "Authorization: Bearer\r\n",
            "Authorization: \r\n",
        ] {
            let answer = server.call_with(method, path, body, header).await;
            assert_eq!(answer.error(), (401, "unauthorized".to_owned()), "{method} {path} {header}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.body.contains("hunter"), "{}", answer.body);
        }
    }
    for (method, path, body) in CHANGES {
        let answer = server.call_with(method, path, body, "Authorization: bearer hunter2\r\n").await;
        assert!([200, 201].contains(&answer.status), "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn looking_needs_no_key() {
    let server = locked().await;
    server.call_with("PUT", CHANGES[0].1, CHANGES[0].2, "Authorization: Bearer hunter2\r\n").await;
    for path in ["/v1/rooms/r", "/v1/rooms/r/assets/sword/holders", "/healthz", "/readyz", "/metrics", "/"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_key_is_asked_for_before_the_body_is_read() {
    let server = locked().await;
    let head = "PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n";
    assert_eq!(server.send(head).await.error().0, 401);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let server = Server::start().await;
    for origin in
        ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1.evil.example", "garbage"]
    {
        for (method, path, body) in CHANGES {
            let answer = server.call_with(method, path, body, &format!("Origin: {origin}\r\n")).await;
            assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{origin} {method} {path}");
        }
        let looked = server.call_with("GET", "/healthz", "", &format!("Origin: {origin}\r\n")).await;
        assert_eq!(looked.status, 200, "looking is harmless, and pages cannot read the answer");
    }
}

#[tokio::test]
async fn our_own_page_and_listed_ones_may_change_things() {
    let allow_origin = vec!["https://game.example".parse().unwrap()];
    let server = Server::with(Settings { allow_origin, ..Settings::default() }).await;
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "https://game.example", "https://GAME.example:443"] {
        let answer =
            server.call_with(CHANGES[0].0, CHANGES[0].1, CHANGES[0].2, &format!("Origin: {origin}\r\n")).await;
        assert!([200, 201].contains(&answer.status), "{origin}: {}", answer.body);
    }
}
