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

#[tokio::test]
async fn a_page_whose_own_name_leads_here_is_refused() {
    let server = Server::with_asset(1).await;
    let ask = async |head: String| server.send(&format!("{head}Connection: close\r\n\r\n")).await;
    for (method, path) in [
        ("GET", "/v1/rooms/r"),
        ("DELETE", "/v1/rooms/r"),
        ("GET", "/v1/rooms/r/ws?player=ann"),
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
    ] {
        for host in ["evil.example", "evil.example:8080", "EVIL.example.", "127.0.0.1.evil.example"] {
            let answer = ask(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n")).await;
            assert_eq!(answer.error(), (403, "forbidden".to_owned()), "{method} {path} {host}");
            assert!(answer.message().contains("--allow-origin"), "{}", answer.message());
        }
    }
    let target = ask("GET http://evil.example/v1/rooms/r HTTP/1.1\r\nHost: localhost\r\n".to_owned()).await;
    assert_eq!(target.error().0, 403);
    let forwarded = "GET /v1/rooms/r HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n";
    assert_eq!(ask(forwarded.to_owned()).await.error().0, 403);
    for path in ["/healthz", "/readyz"] {
        let probe = ask(format!("GET {path} HTTP/1.1\r\nHost: node.game.internal\r\n")).await;
        assert_eq!(probe.status, 200, "a probe may not know the server's name: {path}");
    }
    assert_eq!(server.get("/v1/rooms/r").await.status, 200, "it is still there");
}

#[tokio::test]
async fn the_servers_own_names_and_listed_ones_are_taken() {
    let allow_origin = vec!["https://game.example".parse().unwrap()];
    let server = Server::with(Settings { allow_origin, ..Settings::default() }).await;
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:1",
        "[::1]:8080",
        "a.localhost",
        "node1",
        "game.example:8443",
    ] {
        let answer = server.send(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_request_has_one_host() {
    let server = Server::start().await;
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: me@a\r\n",
    ] {
        let answer = server.send(&format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")).await;
        assert_eq!(answer.error(), (400, "bad_message".to_owned()), "{hosts:?}");
    }
    assert_eq!(server.send("GET /healthz HTTP/1.0\r\n\r\n").await.status, 200, "HTTP/1.0 has none");
}

#[tokio::test]
async fn a_change_that_a_browser_says_comes_from_another_site_is_refused() {
    let server = Server::start().await;
    let (method, path, body) = CHANGES[0];
    let answer = server.call_with(method, path, body, "Sec-Fetch-Site: cross-site\r\n").await;
    assert_eq!(answer.error(), (403, "forbidden".to_owned()));
    let answer = server.call_with(method, path, body, "Sec-Fetch-Site: same-origin\r\n").await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}
