//! What was true without TLS is true with it.

use std::process::Command;

use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    client::{Trust, get},
    files::{Issued, Pair},
    server,
    support::{Ended, Process, soon},
};

#[tokio::test]
async fn pages_and_rooms_are_served_over_both_versions() {
    let (server, issued) = server().await;
    server.create("r", "sword", 1).await;
    for version in [&TLS12, &TLS13] {
        let trust = Trust::speaking(&issued.der, &[version]);
        let page = trust.get(server.address, "/").await;
        assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("</html>\n"), "{page}");
        let mut member = trust.join(server.address, "ann").await;
        assert!(member.gets("sword").await);
    }
}

#[tokio::test]
async fn a_session_is_resumed() {
    let (server, issued) = server().await;
    for version in [&TLS12, &TLS13] {
        let trust = Trust::speaking(&issued.der, &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = trust.connect(server.address).await.unwrap();
            get(&mut stream, "/healthz").await;
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_selects_in_one_write_is_answered_in_order() {
    const SELECTS: usize = 2000;
    let (server, issued) = server().await;
    server.create("r", "sword", 1).await;
    let mut member = Trust::of(&issued.der).join(server.address, "ann").await;
    let flood: Vec<u8> = (0..SELECTS).flat_map(|n| crate::support::select("sword", n)).collect();
    member.stream.get_mut().write_all(&flood).await.unwrap();
    member.stream.get_mut().flush().await.unwrap();
    let mut next = 0;
    while next < SELECTS {
        let frame = serde_json::to_value(member.hear().await).unwrap();
        if frame["type"] == "selection" {
            assert_eq!((&frame["granted"], &frame["request_id"]), (&true.into(), &next.into()));
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_member_is_told_of_the_drain_and_the_connection_ends_in_good_order() {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let process = Process::start(&pair.flags()).await;
    let trust = Trust::of(&issued.der);
    let mut member = trust.join(process.address, "ann").await;
    process.terminate().await;
    assert_eq!(member.closed().await, 4100);
    let (stream, mut rest) = (member.stream.get_mut(), Vec::new());
    soon("close_notify", stream.read_to_end(&mut rest)).await.expect("no end without close_notify");
    drop(member);
    let Ended { code, log, .. } = process.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

/// Whoever asks does so by an address, for which no certificate is issued.
#[tokio::test]
async fn health_is_asked_over_tls() {
    for days in [30, -1] {
        let pair = Pair::of(&Issued::for_days(days));
        let process = Process::start(&pair.flags()).await;
        let address = process.address.to_string();
        let health = |flags: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_asset-arbiter"));
            command.args(["health", "--listen", &address]).args(flags).output().unwrap().status.code()
        };
        assert_eq!(health(&pair.flags()), Some(0));
        assert_eq!(health(&[]), Some(1), "without TLS");
        process.end().await;
    }
}

#[tokio::test]
async fn the_last_bytes_survive_what_lies_unread() {
    let (server, issued) = server().await;
    let mut member = Trust::of(&issued.der).join(server.address, "ann").await;
    let ended = server.stop();
    // The server has closed or will: these bytes would be answered with a reset if nobody read them.
    let stream = member.stream.get_mut();
    let _ = stream.write_all(&[0; 100_000]).await;
    let _ = stream.flush().await;
    let mut heard = Vec::new();
    soon("the end", stream.read_to_end(&mut heard)).await.expect("no reset");
    assert!(String::from_utf8_lossy(&heard).contains(r#""code":"#), "a close frame");
    drop(member);
    soon("the drain", ended).await.unwrap();
}

#[tokio::test]
async fn its_own_origin_is_https_alone() {
    let (server, issued) = server().await;
    let trust = Trust::of(&issued.der);
    let port = server.address.port();
    for (origin, status) in
        [(format!("https://localhost:{port}"), 201), (format!("http://localhost:{port}"), 403)]
    {
        let mut stream = trust.connect(server.address).await.unwrap();
        let request = format!(
            "PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{{\"units\":1}}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {answer}");
    }
}
