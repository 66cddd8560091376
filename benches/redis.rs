//! One hot asset: selects per second of the Redis store with one call in flight, compared with 50 Redis clients that
//! decrement a key one by one, in the same run on the same server.
//!
//! `cargo bench --bench redis`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/engines/mod.rs"]
mod engines;

use std::sync::Arc;
use std::{
    future::Future,
    time::{Duration, Instant},
};

use asset_arbiter::{
    model::{NewAsset, PlayerName, RoomName},
    store::{AssetKey, Call, NodeId, Options, open},
};
use engines::redis::{Engine, Server};
use futures::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const TIME: Duration = Duration::from_secs(2);
const RUNS: usize = 3;
const CLIENTS: usize = 50;

/// The result of one measurement.
struct Figure {
    decisions_a_second: f64,
    /// Processor time of the server in microseconds.
    server_us: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for engine in [engines::redis::redis(), engines::redis::valkey()].into_iter().flatten() {
        compare(&engine).await;
    }
}

async fn compare(engine: &Engine) {
    let server = engine.start();
    println!("{}, best of {RUNS} runs of {TIME:?}", engine.name);
    let plain = best(&server, || decrement(&server)).await;
    show("DECR, 50 clients one by one", &plain, &plain);
    for batch in [1, 64, 128] {
        for (what, units) in [("all granted", u32::MAX), ("all sold out", 0)] {
            let figure = best(&server, || select(&server, batch, units)).await;
            show(&format!("select, {batch} a call, {what}"), &figure, &plain);
        }
    }
}

fn show(what: &str, figure: &Figure, plain: &Figure) {
    let Figure { decisions_a_second: rate, server_us } = figure;
    let ratio = rate / plain.decisions_a_second;
    println!("  {what:<34} {rate:>9.0}/s  {ratio:>5.2} x DECR  {server_us:>6.2} us of the server each");
}

/// Returns the best of a few runs, because other load on the machine only slows a run down.
async fn best<F: Future<Output = u64>>(server: &Server, run: impl Fn() -> F) -> Figure {
    let mut best = Figure { decisions_a_second: 0.0, server_us: f64::MAX };
    for _ in 0..RUNS {
        let (busy, since) = (busy(server), Instant::now());
        let decisions = run().await as f64;
        let (rate, each) = (decisions / since.elapsed().as_secs_f64(), (self::busy(server) - busy) / decisions);
        best.decisions_a_second = best.decisions_a_second.max(rate);
        best.server_us = best.server_us.min(each);
    }
    best
}

/// Processor time in microseconds.
fn busy(server: &Server) -> f64 {
    let used = |field| server.info(&["INFO", "cpu"], field).unwrap().parse::<f64>().unwrap();
    (used("used_cpu_user") + used("used_cpu_sys")) * 1e6
}

async fn decrement(server: &Server) -> u64 {
    let until = Instant::now() + TIME;
    let clients = (0..CLIENTS).map(|_| async {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut done, mut reply) = (0, [0; 64]);
        while Instant::now() < until {
            stream.write_all(b"*2\r\n$4\r\nDECR\r\n$3\r\nhot\r\n").await.unwrap();
            assert!(stream.read(&mut reply).await.unwrap() > 0);
            done += 1;
        }
        done
    });
    join_all(clients).await.into_iter().sum()
}

async fn select(server: &Server, batch: usize, units: u32) -> u64 {
    let store =
        open(&server.url(), Options { room_ttl: None, max_assets: None, events_backlog: None, history: None })
            .unwrap();
    let (room, sword) = (format!("bench-{:x}", fastrand::u64(..)), "sword".parse().unwrap());
    let room = RoomName::parse(&room).unwrap();
    engines::eventually("the store to answer", async || store.ping().await.ok()).await;
    let (node, mut seq, until) = (NodeId(fastrand::u64(..)), 0, Instant::now() + TIME);
    while Instant::now() < until {
        let name = |player| PlayerName::parse(&format!("player-{player}")).unwrap();
        let players: Vec<_> = (0..batch).map(|n| name(seq as usize * batch + n)).collect();
        seq += 1;
        let call = Call { node, seq, at: 1_700_000_000_000, by: None };
        store
            .select(call, &AssetKey::new(&room, &sword), &players, Some(Arc::new(NewAsset::plain(units))))
            .await
            .unwrap();
    }
    store.remove_room(&room).await.unwrap();
    seq * batch as u64
}
