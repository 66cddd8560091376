//! Stopping: what reached a socket is answered, nothing waits for ever.

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

/// Waits until nobody is let in any more, which is when draining has begun.
async fn closed(address: std::net::SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        assert!(started.elapsed() < PATIENCE, "it still accepts");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_and_an_idle_connection_ended() {
    let server = Server::start().await;
    let address = server.address;
    let (mut busy, mut idle, mut silent) =
        (server.connect().await, server.connect().await, server.connect().await);
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    idle.read_u8().await.unwrap();
    // The 100 says that the handler runs and waits for the body.
    busy.write_all(
        b"PUT /v1/rooms/r/assets/a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n",
    )
    .await
    .unwrap();
    let mut go_on = [0; 25];
    timeout(PATIENCE, busy.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 "));

    let ended = server.stop();
    closed(address).await;
    for stream in [&mut idle, &mut silent] {
        timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it is closed").unwrap();
    }
    busy.write_all(b"{\"units\":1}").await.unwrap();
    assert_eq!(Answer::read(&mut busy).await.status, 201);
    drop((busy, idle, silent));
    timeout(PATIENCE, ended).await.expect("it ends when all are gone").unwrap();
}

#[tokio::test]
async fn draining_ends_without_those_who_do_not_end() {
    let settings = Settings { drain_timeout: Duration::from_millis(200), ..Settings::default() };
    let server = Server::with(settings).await;
    let mut stuck = server.connect().await;
    stuck.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
    assert_eq!(server.get("/healthz").await.status, 200, "the stuck one was accepted before this one");
    timeout(Duration::from_secs(5), server.stop()).await.expect("it ends anyhow").unwrap();
}
