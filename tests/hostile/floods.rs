//! Many at once from one address: connections, half-open handshakes, names of rooms.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures::future::{join_all, pending};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    ground::{Cost, Ground, TIMEOUT},
    kinds::{Hostile, Kind},
    size::Size,
    support::{Process, tokens::bearer},
    tally::Tally,
    wire::{Wire, token},
};

/// Megabytes that names alone may take: none is kept, so this is what the allocator keeps.
const MODEST: f64 = 64.0;
/// Megabytes that a connection may take while its head has not come.
const PER_CONNECTION: f64 = 0.03;
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 200, 1);
/// Those who connect at the same time, every 10 ms.
const AT_ONCE: usize = 64;

/// Connections of one address to a server, each of which sends junk and comes back when it is closed.
async fn junk(ground: &Ground, server: SocketAddr, size: Size, name: &str) -> Cost {
    let opened = Tally::default();
    let count = opened.clone();
    let cost = ground.scene(size.flood, move || async move {
        let connections = (0..size.connections).map(|n| {
            let count = count.clone();
            spawn_local(async move {
                sleep(Duration::from_millis((n / AT_ONCE) as u64 * 10)).await;
                loop {
                    let Ok(mut wire) = Wire::open(server, ADDRESS).await else { break };
                    // Every second one begins a request that never ends, and keeps its connection for as long as it may.
                    let junk: &[u8] =
                        if n % 2 == 0 { b"GET /v1/rooms/race-0 HTTP/1.1\r\nX: " } else { &[0xff; 64] };
                    let answer = match wire.write(junk).await {
                        Ok(()) => wire.incoming.status().await,
                        Err(error) => Err(error),
                    };
                    count.count(Kind::Junk, answer.as_deref().unwrap_or("cut"));
                }
            })
        });
        join_all(connections).await;
    });
    let cost = cost.await;
    cost.print(name, &opened);
    let told = opened.of(Kind::Junk);
    assert!(told.keys().all(|answer| ["400", "cut"].contains(&&**answer)), "{opened}");
    cost
}

#[tokio::test]
async fn connections_handshakes_and_names_of_one_address_harm_nobody() {
    let size = Size::of_this_run();
    let ground = Ground::start(&[], 1, size.scene).await;
    println!("{}", Cost::HEAD);
    // The same flood at a server without players. What theirs suffer is the machine's part, the kernel's and the clients'.
    let other = Process::start(&["--handshake-timeout", TIMEOUT]).await;
    junk(&ground, other.address, size, "junk elsewhere").await;
    other.end().await;
    let cost = junk(&ground, ground.address(), size, "junk").await;
    assert!(cost.grown < PER_CONNECTION * size.connections as f64 + MODEST, "{} MB", cost.grown);
    half_open(&ground, size).await;
    room_names(&ground, size).await;
    ground.end().await;
}

#[tokio::test]
async fn a_limit_by_address_cuts_a_flood_of_connections_at_once() {
    let size = Size::of_this_run();
    let ground = Ground::start(&["--connections-per-address", "100"], 1, size.scene).await;
    println!("{}", Cost::HEAD);
    let cost = junk(&ground, ground.address(), size, "junk, limited").await;
    assert!(cost.grown < PER_CONNECTION * 104.0 + MODEST, "{} MB", cost.grown);
    let name = r#"asset_arbiter_limited_total{limit="connections_per_address",outcome="refused"}"#;
    assert!(ground.server.metric(name).await > 0);
    ground.end().await;
}

async fn half_open(ground: &Ground, size: Size) {
    let tally = Tally::default();
    let hostile = Hostile { kind: Kind::HalfOpen, number: 0, server: ground.address(), tally: tally.clone() };
    let cost = ground.scene(size.flood, move || async move {
        (0..size.half_open).for_each(|_| drop(spawn_local(hostile.clone().go_on())));
        pending().await
    });
    cost.await.print("half-open", &tally);
    assert!(tally.of(Kind::HalfOpen).get("cut").is_some_and(|cut| *cut >= size.half_open as u64), "{tally}");
}

/// Asks for rooms that there are not over sixteen connections, and joins every hundredth.
async fn room_names(ground: &Ground, size: Size) {
    let (server, tally) = (ground.address(), Tally::default());
    let count = tally.clone();
    let cost = ground.scene(Duration::from_secs(600), move || async move {
        let connections = (0..16).map(|n| {
            let count = count.clone();
            async move {
                let mut wire = Wire::open(server, ADDRESS).await.unwrap();
                let token = token("curious");
                let bearer = bearer(&token);
                for name in 0..size.names / 16 {
                    let request = format!("GET /v1/rooms/no-{n}-{name} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n");
                    count.count(Kind::RoomNames, &wire.ask(&request).await.unwrap());
                    if name % 100 == 0 {
                        Wire::join(server, ADDRESS, &format!("no-{n}-{name}"), &token).await.unwrap();
                    }
                }
            }
        });
        join_all(connections).await;
    });
    let cost = cost.await;
    cost.print("room names", &tally);
    assert_eq!(tally.of(Kind::RoomNames).get("404"), Some(&(size.names as u64 / 16 * 16)), "{tally}");
    assert!(cost.grown < MODEST, "{} MB", cost.grown);
}
