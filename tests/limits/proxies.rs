//! Who a proxy says its client is, and who is believed.

use asset_arbiter::server::Settings;
use tokio::io::AsyncReadExt;

use crate::{
    from::From,
    limited,
    support::{EventStream, Server, eventually, soon},
};

const PROXY: &str = "127.0.0.1";
const STRANGER: &str = "127.0.0.2";

/// It believes 127.0.0.1 and 10.0.0.0/8.
async fn behind_a_proxy(adjust: impl FnOnce(&mut Settings)) -> Server {
    limited(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        adjust(settings);
    })
    .await
}

async fn one_connection_each() -> Server {
    behind_a_proxy(|settings| settings.connections_per_address = 1).await
}

fn binary(client: [u8; 4]) -> Vec<u8> {
    let head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c";
    [&head[..], &client, &[127, 0, 0, 1, 0x12, 0x67, 0, 80]].concat()
}

#[tokio::test]
async fn connections_count_for_the_client_that_the_proxy_names() {
    let server = one_connection_each().await;
    let through = || From::address(&server, PROXY);
    for (first, second, other) in [
        (
            through().prefixed("PROXY TCP4 192.0.2.1 192.0.2.9 4711 80\r\n"),
            through().prefixed("PROXY TCP4 192.0.2.1 192.0.2.9 4712 80\r\n"),
            through().prefixed("PROXY TCP4 192.0.2.2 192.0.2.9 4711 80\r\n"),
        ),
        (
            through().prefixed(binary([192, 0, 2, 3])),
            through().prefixed("PROXY TCP6 ::ffff:192.0.2.3 ::1 1 2\r\n"),
            through().prefixed(binary([192, 0, 2, 4])),
        ),
        (
            through().header("X-Forwarded-For", "192.0.2.5"),
            through().header("X-Forwarded-For", "192.0.2.66, 192.0.2.5, 10.1.2.3"),
            through().header("X-Forwarded-For", "192.0.2.5, 192.0.2.6"),
        ),
        (
            through().header("Forwarded", "for=\"[2001:db8::1]:4711\";proto=https"),
            through().header("Forwarded", "for=192.0.2.7, for=\"[2001:db8::2]\""),
            through().header("Forwarded", "for=\"[2001:db8:0:1::1]\""),
        ),
        (
            through().prefixed("PROXY TCP4 10.0.0.7 127.0.0.1 1 2\r\n").header("X-Forwarded-For", "192.0.2.8"),
            through().header("X-Forwarded-For", "192.0.2.8"),
            through().prefixed("PROXY UNKNOWN\r\n").header("X-Forwarded-For", "192.0.2.9"),
        ),
    ] {
        let mut mine = first.join("ann").await.unwrap();
        assert_eq!(second.refused("ann").await.code, 4113);
        let _theirs = other.join("bob").await.unwrap();
        mine.pinged().await;
        mine.leave().await;
        eventually(true, async || second.join("ann").await.is_ok()).await;
    }
}

#[tokio::test]
async fn an_event_stream_counts_for_the_client_as_long_as_it_lasts() {
    let server = one_connection_each().await;
    let listen = async |client: &str| {
        EventStream::open_with(server.address, "r/events", &format!("X-Forwarded-For: {client}\r\n")).await
    };
    let mut mine = listen("192.0.2.1").await;
    mine.welcome().await;
    assert_eq!(listen("192.0.2.1").await.closed().await.0.code, 4113);
    let mut theirs = listen("192.0.2.2").await;
    theirs.welcome().await;
    drop(mine);
    eventually(true, async || listen("192.0.2.1").await.next().await.is_some_and(|event| event.name.is_none()))
        .await;
}

#[tokio::test]
async fn a_request_counts_while_it_is_served_and_the_proxy_s_connection_for_nobody() {
    let server = one_connection_each().await;
    for _ in 0..20 {
        let client = From::address(&server, PROXY).header("X-Forwarded-For", "192.0.2.1");
        let answer = client.ask("GET", "/healthz", "").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let checks: Vec<_> = futures::future::join_all((0..20).map(|_| server.connect())).await;
    assert!(server.metric("asset_arbiter_connections").await == 0 && checks.len() == 20);
    let client = From::address(&server, PROXY).header("X-Forwarded-For", "192.0.2.1");
    let _member = client.join("ann").await.unwrap();
    let answer = client.ask("GET", "/v1/rooms/r", "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn a_stranger_s_word_is_ignored() {
    let server = behind_a_proxy(|settings| settings.joins_per_minute_per_address = 1).await;
    let stranger = || From::address(&server, STRANGER);
    stranger().header("X-Forwarded-For", "192.0.2.1").join("ann").await.unwrap();
    for liar in [
        stranger().header("X-Forwarded-For", "192.0.2.2"),
        stranger().header("Forwarded", "for=192.0.2.3"),
        stranger().header("X-Forwarded-For", "10.0.0.1"),
    ] {
        assert_eq!(liar.refused("ann").await.code, 4129);
    }
    // Nor is it spoken to in the PROXY protocol.
    let mut stream = stranger().prefixed("PROXY TCP4 192.0.2.4 192.0.2.9 4711 80\r\n\r\n").connect().await;
    let mut answer = String::new();
    soon("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_broken_word_of_a_proxy_ends_the_connection() {
    let server = one_connection_each().await;
    for broken in ["PROXY TCP4 nobody\r\n", "PROXY TCP5 1 2 3 4\r\n"] {
        let mut stream = From::address(&server, PROXY).prefixed(broken).connect().await;
        let mut answer = Vec::new();
        let _ = soon("the end", stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"", "{broken}");
    }
}

#[tokio::test]
async fn a_flood_through_a_proxy_is_refused_and_another_client_of_it_joins() {
    let server = one_connection_each().await;
    let flood = From::address(&server, PROXY).header("X-Forwarded-For", "192.0.2.1");
    let _first = flood.join("ann").await.unwrap();
    let refused = futures::future::join_all((0..100).map(|_| flood.ask("GET", "/v1/rooms/r", ""))).await;
    assert!(refused.into_iter().all(|answer| answer.unwrap().starts_with("HTTP/1.1 429 ")));
    From::address(&server, PROXY).header("X-Forwarded-For", "192.0.2.2").join("bob").await.unwrap();
}
