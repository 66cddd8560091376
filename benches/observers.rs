//! A busy room with a thousand observers, who read everything or nothing. Measures how long the players wait for their
//! replies, and the node's memory.
//!
//! `cargo bench --bench observers [-- SECONDS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod turns;
mod usage;

use std::{net::SocketAddr, thread};

use rustix::process::nice;
use support::handshake;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    sync::oneshot,
    task::spawn_local,
};
use turns::{PLAYERS, Players, node};
use usage::{busy, resident};

const OBSERVERS: usize = 1000;
const SECONDS: u64 = 30;

/// What the observers do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    Nobody,
    Reading,
    ReadingNothing,
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(SECONDS);
    println!(
        "{PLAYERS} players take turns at 500 requests a second for {seconds} s; the node has one processor.\n"
    );
    println!("{OBSERVERS} observers  reply p50      p99      max   memory before, after   processor time");
    for scene in [Scene::Nobody, Scene::Reading, Scene::ReadingNothing] {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(measure(scene, seconds));
    }
}

async fn measure(scene: Scene, seconds: u64) {
    let node = node(&["--write-timeout", "1h"]).await;
    let pid = node.child.id().unwrap();
    let gone = observe(scene, node.address);
    let players = Players::join(&node).await;
    let (memory, used) = (resident(pid), busy(pid));
    let replies = players.play(seconds).await;
    let ms = |quantile| replies.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{:<15} {:>7.2} ms {:>5.2} ms {:>5.1} ms {:>10.1}, {:.1} MB {:>14.0} %",
        format!("{scene:?}"),
        ms(0.5),
        ms(0.99),
        ms(1.0),
        memory / 1e6,
        resident(pid) / 1e6,
        (busy(pid) - used) / seconds as f64 / 10_000.0,
    );
    drop(gone);
    node.end().await;
}

/// Starts the observers in a thread that gives way to the players. Returns when all have joined. They leave when the
/// result is dropped.
fn observe(scene: Scene, address: SocketAddr) -> oneshot::Sender<()> {
    let (stay, gone) = oneshot::channel();
    let (joined, ready) = std::sync::mpsc::channel();
    thread::spawn(move || {
        nice(19).unwrap();
        let work = async {
            let mut observers = Vec::new();
            for _ in 0..if scene == Scene::Nobody { 0 } else { OBSERVERS } {
                observers.push(observer(address).await);
            }
            joined.send(()).unwrap();
            if scene == Scene::Reading {
                observers.drain(..).for_each(|stream| drop(spawn_local(read(stream))));
            }
            let _ = gone.await;
        };
        tokio::task::LocalSet::new()
            .block_on(&Builder::new_current_thread().enable_all().build().unwrap(), work);
    });
    ready.recv().unwrap();
    stay
}

async fn observer(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(handshake("r/ws").as_bytes()).await.unwrap();
    stream
}

async fn read(mut stream: TcpStream) {
    let mut bytes = vec![0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}
