//! A busy room with a thousand observers, who read everything or nothing. Measures how long the players wait for their
//! replies, and the node's memory.
//!
//! `cargo bench --bench observers [-- SECONDS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{net::SocketAddr, thread, time::Duration};

use hdrhistogram::Histogram;
use rustix::process::nice;
use support::{Client, Process, handshake};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    runtime::Builder,
    sync::oneshot,
    task::{JoinSet, spawn_local},
    time::{Instant, interval, sleep_until},
};
use usage::{busy, resident};

const OBSERVERS: usize = 1000;
const PLAYERS: usize = 20;
/// The pause between two requests of a player: 500 requests a second over all, each of which is told to everybody.
const EVERY: Duration = Duration::from_millis(40);
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
    let node = node().await;
    let pid = node.child.id().unwrap();
    let gone = observe(scene, node.address);
    let mut players = Vec::new();
    for n in 0..PLAYERS {
        players.push(node.join(&format!("p{n}")).await);
    }
    let (memory, used) = (resident(pid), busy(pid));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut playing: JoinSet<_> =
        players.into_iter().enumerate().map(|(n, player)| play(n, player, end)).collect();
    let mut replies = Histogram::<u64>::new(3).unwrap();
    while let Some(played) = playing.join_next().await {
        replies += played.unwrap();
    }
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

/// On the first processor; this program is on the others.
async fn node() -> Process {
    let assets: Vec<_> = (0..PLAYERS).flat_map(|n| ["--asset".to_owned(), format!("a{n}=1")]).collect();
    let mut flags = vec!["--ping-interval", "1h", "--write-timeout", "1h"];
    flags.extend(assets.iter().map(String::as_str));
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(Process::program());
    Process::launch(command, "127.0.0.1:0", &flags).await
}

/// Selects and releases an asset of the player's own until `end`. Returns the replies' latencies in microseconds.
async fn play(n: usize, mut player: Client, end: Instant) -> Histogram<u64> {
    let (mut latencies, asset) = (Histogram::new(3).unwrap(), format!("a{n}"));
    sleep_until(Instant::now() + EVERY * n as u32 / PLAYERS as u32).await;
    let mut turns = interval(EVERY);
    for turn in 0.. {
        turns.tick().await;
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        match turn % 2 {
            0 => player.select(&asset, turn).await,
            _ => player.release(&asset, turn).await,
        }
        player.reply().await;
        latencies.record(asked.elapsed().as_micros() as u64).unwrap();
    }
    latencies
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
