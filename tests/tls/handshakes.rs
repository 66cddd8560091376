//! Connections that never come to speak HTTP over TLS.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Trust, get},
    files::{Issued, Pair},
    hasty_server, server,
    support::{Server, eventually, soon},
};

/// What comes after `bytes`, until the server ends the connection.
async fn after(address: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    soon("the end", stream.read_to_end(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn plain_http_is_told_that_the_port_speaks_tls() {
    let (server, issued) = server().await;
    let answer = after(server.address, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["code"], "bad_message");
    assert!(body["message"].as_str().unwrap().contains("https://"), "{body}");
    assert_eq!(Trust::of(&issued.der).handshakes(server.address, "plain_http").await, 1);
}

#[tokio::test]
async fn tls_1_1_is_refused_with_an_alert() {
    let (server, issued) = server().await;
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    // No session; ECDHE-RSA and RSA with AES-128-CBC; no compression; no extensions.
    hello.extend([0, 0, 4, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    let mut record = vec![0x16, 0x03, 0x01, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    let answer = after(server.address, &record).await;
    let (alert, fatal) = (0x15, 2);
    assert_eq!((answer[0], answer[5]), (alert, fatal), "{answer:?}");
    assert_eq!(Trust::of(&issued.der).handshakes(server.address, "failed").await, 1);
}

#[tokio::test]
async fn http_1_1_is_the_one_protocol() {
    let (server, issued) = server().await;
    let trust = Trust::of(&issued.der);
    for (offer, chosen) in
        [(&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])), (&["http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut stream = trust.clone().offering(offer).connect(server.address).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{offer:?}");
        assert!(get(&mut stream, "/healthz").await.starts_with("HTTP/1.1 200 "));
    }
    let error = trust.clone().offering(&["h2"]).connect(server.address).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    assert_eq!(trust.handshakes(server.address, "failed").await, 1);
}

#[tokio::test]
async fn half_open_handshakes_are_cut_and_keep_nobody_waiting() {
    let (server, issued) = hasty_server().await;
    let trust = Trust::of(&issued.der);
    let mut stuck = Vec::new();
    for start in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(start).await.unwrap();
            stuck.push(stream);
        }
    }
    let asked = Instant::now();
    assert!(trust.get(server.address, "/healthz").await.starts_with("HTTP/1.1 200 "));
    for stream in &mut stuck {
        let mut heard = Vec::new();
        let _ = soon("the cut", stream.read_to_end(&mut heard)).await;
        assert_eq!(heard, b"");
    }
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    eventually(60, || trust.handshakes(server.address, "abandoned")).await;
}

#[tokio::test]
async fn a_handshake_and_the_first_head_share_one_timeout() {
    let (server, issued) = hasty_server().await;
    let mut stream = Trust::of(&issued.der).connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut heard = Vec::new();
    let _ = soon("the cut", stream.read_to_end(&mut heard)).await;
    assert_eq!(heard, b"");
}

#[tokio::test]
async fn a_handshake_holds_a_connection_s_slot() {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let server = Server::with(|setup| {
        setup.settings.tls = Some(pair.load());
        setup.settings.max_connections = 1;
    });
    let server = server.await;
    let trust = Trust::of(&issued.der);
    let mut stuck = TcpStream::connect(server.address).await.unwrap();
    stuck.write_all(b"\x16").await.unwrap();
    // The second is over the limit whenever the first is served.
    let answer = trust.get(server.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("limit_reached"), "{answer}");
    drop(stuck);
    let free = || async { trust.get(server.address, "/readyz").await.starts_with("HTTP/1.1 200 ") };
    eventually(true, free).await;
}

#[tokio::test]
async fn a_proxy_names_its_client_before_the_handshake() {
    let issued = Issued::for_days(30);
    let pair = Pair::of(&issued);
    let server = Server::with(|setup| {
        setup.settings.tls = Some(pair.load());
        setup.settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        setup.settings.connections_per_address = 1;
    });
    let server = server.await;
    let trust = Trust::of(&issued.der);
    let through = async |client: &str| {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(format!("PROXY TCP4 {client} 192.0.2.9 4711 443\r\n").as_bytes()).await.unwrap();
        trust.over(tcp).await.unwrap()
    };
    let first = through("192.0.2.1").await;
    for (client, status) in [("192.0.2.1", "429"), ("192.0.2.2", "200")] {
        let answer = get(&mut through(client).await, "/readyz").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{client}: {answer}");
    }
    drop(first);
}
