//! Before there is a WebSocket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, Socket, handshake, select, soon};

/// The status of an answer.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

#[tokio::test]
async fn a_room_or_player_that_is_no_name_is_refused_before_the_upgrade() {
    let server = Server::start().await;
    let (long, longer) = ("a".repeat(65), "a".repeat(129));
    for path in [
        "./ws",
        "../ws",
        "%2e%2e/ws",
        "a%2fb/ws",
        "a%2F..%2F..%2Fetc%2Fpasswd/ws",
        "a%00/ws",
        "a%0d%0aX:y/ws",
        "%ff/ws",
        "%zz/ws",
        "a%20b/ws",
        "a\\b/ws",
        "%F0%9F%97%A1/ws",
        &format!("{long}/ws"),
        "r/ws?player=",
        "r/ws?player=..",
        "r/ws?player=a%2Fb",
        "r/ws?player=%00",
        "r/ws?player=a+b",
        &format!("r/ws?player={longer}"),
        "r/ws?player=%7Bann%7D",
        "r/ws?player=ann&name=",
        "r/ws?player=ann&name=%20",
        "r/ws?player=ann&name=Ann%20",
        "r/ws?player=ann&name=A%00nn",
        "r/ws?player=ann&name=A%E2%80%AEnn",
        "r/ws?player=ann&name=A%E2%81%A6nn",
        "r/ws?player=ann&name=A%E2%80%A8nn",
        "r/ws?player=ann&name=Ann&name=Bob",
        "r/ws?name=Ann",
        &format!("r/ws?player=ann&name={long}"),
        "r/ws?player=ann&epoch=a-b&offset=1",
        "r/ws?player=ann&epoch=e&offset=-1",
        "r/ws?player=ann&epoch=e&offset=18446744073709551616",
        "r/ws?player=ann&player=victim",
        "r/ws?player=ann&%70layer=victim",
        "r/ws?player=ann&player=ann",
        "r/ws?player=ann&room=other",
        "r/ws?Player=ann",
        "r/ws?player=ann;player=victim",
        "r/ws?=ann",
    ] {
        let answer = server.ask(close_after(path, "")).await;
        assert_eq!(status(&answer), 400, "{path}: {answer}");
        assert!(answer.contains(r#"{"code":""#), "{path}: {answer}");
    }
    for path in ["../../ws", "r/../../ws", "r//ws", "/ws", "r/ws/"] {
        let answer = server.ask(close_after(path, "")).await;
        assert!((400..500).contains(&status(&answer)), "{path}: {answer}");
    }
    assert_eq!(server.store.calls().snapshot, 0, "no room was looked at");
}

#[tokio::test]
async fn what_is_no_handshake_of_ours_is_refused_and_told_what_is_spoken() {
    let server = Server::start().await;
    let good = close_after("r/ws", "");
    for (refused, status_is) in [
        (close_after("r/ws?player=", ""), 400..401),
        (good.replace("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 400..500),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), 400..500),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 426..427),
    ] {
        let answer = server.ask(&refused).await.to_lowercase();
        assert!(status_is.contains(&status(&answer)), "{refused}: {answer}");
        assert!(answer.contains("\nsec-websocket-version: 13\r"), "{refused}: {answer}");
        assert!(status(&answer) != 426 || answer.contains("\nupgrade: websocket\r"), "{refused}: {answer}");
    }
    for (from, to) in [
        ("Upgrade: websocket\r\n", ""),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("GET", "POST"),
    ] {
        let answer = server.ask(good.replace(from, to)).await;
        assert!((400..500).contains(&status(&answer)), "{from}: {answer}");
    }
}

#[tokio::test]
async fn an_offer_of_several_protocols_is_taken_for_the_one_that_is_spoken() {
    let server = Server::start().await;
    for (upgrade, connection) in [
        ("Upgrade: h2c, websocket", "Connection: keep-alive, Upgrade"),
        ("Upgrade: WebSocket,h2c", "Connection: upgrade"),
        ("Upgrade: h2c\r\nUpgrade: websocket", "Connection: keep-alive\r\nConnection: Upgrade"),
    ] {
        let head = handshake("r/ws?player=ann")
            .replace("Upgrade: websocket", upgrade)
            .replace("Connection: Upgrade", connection);
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        Socket::after_handshake(stream).await.welcomed().await;
    }
}

/// A handshake that must fail, so that the connection ends after the answer.
pub(crate) fn close_after(path: &str, headers: &str) -> String {
    handshake(path).replace("Connection: Upgrade\r\n", &format!("Connection: Upgrade, close\r\n{headers}"))
}

#[tokio::test]
async fn garbage_instead_of_http_is_hung_up_on() {
    let server = Server::start().await;
    let mut bystander = server.join("r", "bystander").await;
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20);
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    for garbage in [tls_hello, vec![0; 4096], b"\r\n\r\n hello\r\n\r\n".to_vec(), head.into_bytes()] {
        let mut stream = server.connect().await;
        stream.write_all(&garbage).await.unwrap();
        let mut answer = Vec::new();
        soon("the server to hang up", stream.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
    }
    bystander.pinged().await;
}

#[tokio::test]
async fn what_is_sent_along_with_the_handshake_is_answered_after_the_welcome() {
    const SELECTS: usize = 1000;
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut stream = server.connect().await;
    let flood: Vec<u8> = (0..SELECTS).flat_map(|n| select("sword", n)).collect();
    stream.write_all(&[handshake("r/ws?player=ann").as_bytes(), &flood].concat()).await.unwrap();
    let mut ann = Socket::after_handshake(stream).await.welcomed().await;
    for n in 0..SELECTS {
        let reply = serde_json::to_value(ann.reply().await).unwrap();
        assert_eq!((&reply["granted"], &reply["request_id"]), (&true.into(), &n.into()));
    }
    ann.pinged().await;
}
