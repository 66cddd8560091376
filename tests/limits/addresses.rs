use std::time::Duration;

use futures::future::join_all;
use tokio::{io::AsyncReadExt, time::timeout};

use crate::{
    counted,
    from::From,
    limited,
    support::{Server, eventually},
};

async fn two_connections_each() -> Server {
    limited(|settings| settings.connections_per_address = 2).await
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_another_is_not_harmed() {
    let server = two_connections_each().await;
    let (greedy, other) = (From::address(&server, "127.0.0.2"), From::address(&server, "127.0.0.3"));
    let mut mine = [greedy.join("a").await.unwrap(), greedy.join("b").await.unwrap()];
    let closed = greedy.refused("c").await;
    assert_eq!(closed.code, 4113);
    assert!(closed.retry_after_ms > 0);
    let answer = greedy.ask("GET", "/v1/rooms/r", "").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("rate_limited"), "{answer}");
    assert!(answer.contains("--connections-per-address") && answer.contains("retry-after"), "{answer}");
    for socket in &mut mine {
        socket.pinged().await;
    }
    let _theirs = [other.join("d").await.unwrap(), other.join("e").await.unwrap()];
    mine[0].leave().await;
    let again = async || greedy.join("f").await.is_ok();
    eventually(true, again).await;
    assert!(counted(&server, "connections_per_address", "refused").await >= 2);
    assert_eq!(counted(&server, "connections_per_address", "allowed").await, 0);
}

#[tokio::test]
async fn a_flood_from_one_address_is_cut_at_once_and_others_join() {
    let server = two_connections_each().await;
    let flood = From::address(&server, "127.0.0.2");
    let mut open = join_all((0..300).map(|_| flood.connect())).await;
    let other = From::address(&server, "127.0.0.3");
    let mut member = other.join("ann").await.unwrap();
    server.create("r", "sword", 1).await;
    assert!(member.gets("sword").await);
    // A few of the flood wait to be told; all others were cut.
    eventually(true, async || counted(&server, "connections_per_address", "refused").await >= 294).await;
    let mut cut = 0;
    for stream in &mut open {
        let mut heard = [0; 16];
        let read = timeout(Duration::from_millis(1), stream.read(&mut heard)).await;
        cut += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!(cut >= 294, "{cut} of 300");
    assert_eq!(server.metric("asset_arbiter_connections").await, 1);
}

#[tokio::test]
async fn an_address_joins_so_often_a_minute_and_is_told_when_it_may_again() {
    let server = limited(|settings| settings.joins_per_minute_per_address = 3).await;
    let eager = From::address(&server, "127.0.0.2");
    for player in ["a", "b", "c"] {
        eager.join(player).await.unwrap().leave().await;
    }
    let closed = eager.refused("d").await;
    assert_eq!(closed.code, 4129);
    // A join comes back every 20 s.
    assert!((1..=21_000).contains(&closed.retry_after_ms), "{closed:?}");
    assert!(eager.ask("GET", "/healthz", "").await.unwrap().starts_with("HTTP/1.1 200 "), "no join");
    From::address(&server, "127.0.0.3").join("e").await.unwrap();
    assert_eq!(counted(&server, "joins_per_minute_per_address", "refused").await, 1);
    assert_eq!(server.closes("4129").await, 1);
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let server = Server::start().await;
    let one = From::address(&server, "127.0.0.2");
    let _members = join_all((0..50).map(|_| one.join("ann"))).await;
    for limit in ["connections_per_address", "joins_per_minute_per_address", "selects_per_second_per_player"] {
        assert_eq!(counted(&server, limit, "refused").await, 0);
    }
}
