//! Slow, large and many: each is bounded, and harms nobody else.

use std::time::{Duration, Instant};

use asset_arbiter::server::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    server::{Answer, Server},
    support::PATIENCE,
};

async fn hasty() -> Server {
    Server::with(Settings { handshake_timeout: Duration::from_millis(200), ..Settings::default() }).await
}

#[tokio::test]
async fn a_half_open_handshake_is_given_up() {
    let server = hasty().await;
    for start in ["", "G", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut stream = server.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
        closed.unwrap_or_else(|_| panic!("{start:?} is never given up")).unwrap();
        assert_eq!(heard, b"", "{start:?}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server = hasty().await;
    let head = "PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{\"uni";
    let answer = server.send(head).await;
    assert_eq!(answer.error(), (408, "bad_message".to_owned()));
    let chunked =
        "PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n";
    assert_eq!(server.send(chunked).await.error().0, 408);
    assert_eq!(server.get("/v1/rooms/r").await.error().0, 404, "it had no effect");
}

#[tokio::test]
async fn a_large_body_is_refused_however_it_comes() {
    let server = Server::start().await;
    let fits = format!(r#"{{"units":1{}}}"#, " ".repeat(4096 - 11));
    assert_eq!((fits.len(), server.call("PUT", "/v1/rooms/r/assets/a", &fits).await.status), (4096, 201));
    let large = format!("{fits} ");
    let answer = server.call("PUT", "/v1/rooms/r/assets/a", &large).await;
    assert_eq!(answer.error(), (413, "limit_reached".to_owned()));
    assert!(answer.message().contains("4096"));
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let head = "PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(server.send(&format!("{head}{chunk}")).await.error().0, 413);
    let endless =
        format!("PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{large}");
    assert_eq!(server.send(&endless).await.error().0, 413);
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let server = Server::start().await;
    let answer = server.call_with("GET", "/healthz", "", &format!("X: {}\r\n", "x".repeat(20_000))).await;
    assert_eq!(answer.status, 431);
    assert_eq!(
        server.call_with("GET", "/healthz", "", &format!("X: {}\r\n", "x".repeat(12_000))).await.status,
        200
    );
}

#[tokio::test]
async fn beyond_max_connections_the_answer_is_full() {
    let server = Server::with(Settings { max_connections: 1, ..Settings::default() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    first.read_u8().await.expect("it is served, and stays");
    // No `Connection: close`: the server itself has to end it.
    let second = server.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(second.error(), (503, "limit_reached".to_owned()));
    assert_eq!((second.header("connection"), second.header("retry-after")), (Some("close"), Some("1")));
    // Who watches over it must not take it for dead.
    for path in ["/healthz", "/metrics"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    drop(first);
    server.gets_ready().await;
}

#[tokio::test]
async fn a_full_node_answers_its_probe_beside_strangers_who_are_silent() {
    let server = Server::with(Settings { max_connections: 1, ..Settings::default() }).await;
    let mut first = server.connect().await;
    size_of_the_answer(&mut first).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(server.connect().await);
    }
    for _ in 0..5 {
        assert_eq!(server.get("/healthz").await.status, 200);
        silent.push(server.connect().await);
    }
    // They are given a second for a head.
    for stream in &mut silent {
        timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it is given up").unwrap();
    }
    first.write_all(PAGE.as_bytes()).await.expect("who has a seat keeps it");
}

#[tokio::test]
async fn a_kept_connection_may_idle_longer_than_a_head_may_take() {
    let settings = Settings {
        handshake_timeout: Duration::from_millis(200),
        idle_timeout: Duration::from_millis(900),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let mut kept = server.connect().await;
    for _ in 0..2 {
        size_of_the_answer(&mut kept).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    size_of_the_answer(&mut kept).await;
    let idle = Instant::now();
    timeout(PATIENCE, kept.read_to_end(&mut Vec::new())).await.expect("it is given up in the end").unwrap();
    assert!(idle.elapsed() >= Duration::from_millis(800), "{:?}", idle.elapsed());

    let mut half = server.connect().await;
    size_of_the_answer(&mut half).await;
    half.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let begun = Instant::now();
    timeout(PATIENCE, half.read_to_end(&mut Vec::new())).await.expect("it is given up").unwrap();
    assert!(
        begun.elapsed() < Duration::from_millis(800),
        "a later head has no more time: {:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_answer_nobody_reads_is_given_up() {
    let settings =
        Settings { write_timeout: Duration::from_millis(100), max_connections: 1, ..Settings::default() };
    let server = Server::with(settings).await;
    let mut deaf = server.connect().await;
    // Asks for far more than the sockets' buffers hold, and takes nothing of it.
    let one = size_of_the_answer(&mut deaf).await;
    let flood = PAGE.repeat(2000);
    let _ = timeout(Duration::from_secs(5), deaf.write_all(flood.as_bytes())).await;
    server.gets_ready().await;
    let mut taken = Vec::new();
    let _ = timeout(PATIENCE, deaf.read_to_end(&mut taken)).await.expect("it was cut");
    assert!(taken.len() < 2000 * one, "all {} bytes were kept for it", taken.len());
}

const PAGE: &str = "GET /asset-arbiter.js HTTP/1.1\r\nHost: x\r\n\r\n";

/// Asks once and takes the whole answer, so that the connection surely has its seat.
async fn size_of_the_answer(stream: &mut TcpStream) -> usize {
    stream.write_all(PAGE.as_bytes()).await.unwrap();
    let mut taken = Vec::new();
    loop {
        stream.read_buf(&mut taken).await.unwrap();
        let text = String::from_utf8_lossy(&taken);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            return taken.len();
        }
    }
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_order() {
    let server = Server::with_asset(1).await;
    let mut stream = server.connect().await;
    let select = "POST /v1/rooms/r/assets/sword/select HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"player\":\"ada\"}";
    let last = "GET /v1/rooms/r HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{select}{last}").as_bytes()).await.unwrap();
    let both = Answer::read(&mut stream).await;
    assert_eq!(both.status, 200);
    let (granted, held) = (both.body.find("\"granted\":true").unwrap(), both.body.find("\"held\":1").unwrap());
    assert!(granted < held);
}
