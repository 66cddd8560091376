//! What a browser lets a page of another site read and send.

use asset_arbiter::server::Settings;

use crate::server::{Answer, Server};

const GAME: &str = "https://game.example";
const ROOM: &str = "/v1/rooms/r";
const ASKS: &str =
    "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization,content-type\r\n";

async fn server(listed: &[&str]) -> Server {
    let allow_origin = listed.iter().map(|origin| origin.parse().unwrap()).collect();
    Server::with(Settings { allow_origin, ..Settings::default() }).await
}

async fn get(server: &Server, path: &str, origin: &str) -> Answer {
    server.call_with("GET", path, "", &format!("Origin: {origin}\r\n")).await
}

/// The values of all lines of a header.
fn lines<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    let lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_listed_page_may_read_every_answer_and_others_none() {
    let server = server(&[GAME]).await;
    for path in [ROOM, "/v1/nothing", "/readyz", "/v1/rooms/a%20b", "/v1/rooms/r/ws"] {
        let answer = get(&server, path, GAME).await;
        assert_eq!(lines(&answer, "access-control-allow-origin"), [GAME], "{path}");
        assert!(lines(&answer, "vary").contains(&"origin"), "{path}: {}", answer.head);
        for origin in ["https://evil.example", "null", "http://game.example"] {
            let answer = get(&server, path, origin).await;
            assert_eq!(lines(&answer, "access-control-allow-origin"), [""; 0], "{path} {origin}");
            assert!(lines(&answer, "vary").contains(&"origin"), "a cache must not mix them up: {path}");
        }
    }
}

#[tokio::test]
async fn a_preflight_says_what_a_listed_page_may_send() {
    let server = server(&[GAME]).await;
    let path = "/v1/rooms/r/assets/sword";
    let answer = server.call_with("OPTIONS", path, "", &format!("Origin: {GAME}\r\n{ASKS}")).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(lines(&answer, "access-control-allow-origin"), [GAME]);
    assert_eq!(lines(&answer, "access-control-allow-methods"), ["GET, HEAD, PUT, POST, DELETE"]);
    assert!(lines(&answer, "access-control-allow-headers")[0].contains("authorization, content-type"));
    assert_eq!(lines(&answer, "access-control-allow-private-network"), [""; 0]);
    let private = format!("Origin: {GAME}\r\n{ASKS}Access-Control-Request-Private-Network: true\r\n");
    let answer = server.call_with("OPTIONS", path, "", &private).await;
    assert_eq!(lines(&answer, "access-control-allow-private-network"), ["true"]);

    let foreign = format!("Origin: https://evil.example\r\n{ASKS}");
    let answer = server.call_with("OPTIONS", path, "", &foreign).await;
    assert_eq!(answer.error(), (403, "forbidden".to_owned()));
    assert_eq!(lines(&answer, "access-control-allow-origin"), [""; 0]);
    let no_preflight = server.call_with("OPTIONS", path, "", &format!("Origin: {GAME}\r\n")).await;
    assert_eq!(no_preflight.status, 405);
}

#[tokio::test]
async fn where_every_page_may_read_no_origin_is_repeated() {
    let server = server(&["*"]).await;
    let answer = get(&server, ROOM, "https://any.example").await;
    assert_eq!((lines(&answer, "access-control-allow-origin"), lines(&answer, "vary")), (vec!["*"], vec![]));
    assert_eq!(lines(&server.get(ROOM).await, "access-control-allow-origin"), [""; 0], "no page asks");
}

#[tokio::test]
async fn the_library_is_shared_once() {
    let server = server(&[GAME]).await;
    let answer = get(&server, "/asset-arbiter.js", GAME).await;
    assert_eq!(lines(&answer, "access-control-allow-origin"), [GAME]);
    assert_eq!(
        lines(&get(&server, "/asset-arbiter.js", "https://x.example").await, "access-control-allow-origin"),
        ["*"]
    );
}
