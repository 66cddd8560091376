//! A busy room beside clients who read another room of 13 MB in a loop, over HTTP or by `sync`. Measures how long the
//! players wait for their replies.
//!
//! `cargo bench --bench large_rooms [-- SECONDS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod turns;
mod usage;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use rustix::process::nice;
use support::{Client, Process, handshake, select, text};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::{LocalSet, spawn_local},
    time::interval,
};
use turns::{PLAYERS, Players, node};
use usage::busy;

const READERS: usize = 4;
const ASSETS: usize = 4096;
const HOLDERS: usize = 32;
const SECONDS: u64 = 10;

/// What the readers do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    Nobody,
    /// `GET /v1/rooms/{room}`, as often as it is answered.
    Get,
    /// A `sync` as often as it may be.
    Sync,
}

fn main() {
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(SECONDS);
    println!(
        "{PLAYERS} players take turns at 500 requests a second for {seconds} s; the node has one processor.\n"
    );
    println!("{READERS} readers  reply p50      p99      max   bytes read   processor time");
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let node = node(&["--auto-create", "32"]).await;
        fill(node.address).await;
        for scene in [Scene::Nobody, Scene::Get, Scene::Sync, Scene::Nobody] {
            measure(scene, &node, seconds).await;
        }
        node.end().await;
    });
}

async fn measure(scene: Scene, node: &Process, seconds: u64) {
    let pid = node.child.id().unwrap();
    let players = Players::join(node).await;
    let taken = read(scene, node.address, seconds);
    let (used, before) = (busy(pid), taken.load(Relaxed));
    let replies = players.play(seconds).await;
    let ms = |quantile| replies.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{:<9} {:>7.2} ms {:>5.2} ms {:>5.1} ms {:>7.0} MB/s {:>14.0} %",
        format!("{scene:?}"),
        ms(0.5),
        ms(0.99),
        ms(1.0),
        (taken.load(Relaxed) - before) as f64 / 1e6 / seconds as f64,
        (busy(pid) - used) / seconds as f64 / 10_000.0,
    );
    // The readers end meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Gives every asset of the room `large` its holders.
async fn fill(address: SocketAddr) {
    for holder in 0..HOLDERS {
        let mut player = Client::join(address, &format!("large/ws?player={holder:0>60}")).await;
        let mut twin = player.twin();
        let writing = async move {
            for asset in 0..ASSETS {
                twin.write_all(&select(format_args!("{asset:0>60}"), asset)).await.unwrap();
            }
        };
        let reading = async {
            for _ in 0..ASSETS {
                player.reply().await;
            }
        };
        tokio::join!(writing, reading);
    }
}

/// Starts the readers in a thread that gives way to the players. Returns the number of bytes that they have read.
fn read(scene: Scene, address: SocketAddr, seconds: u64) -> Arc<AtomicU64> {
    let taken = Arc::<AtomicU64>::default();
    let count = Arc::clone(&taken);
    thread::spawn(move || {
        nice(19).unwrap();
        let readers = async {
            for _ in 0..if scene == Scene::Nobody { 0 } else { READERS } {
                spawn_local(reader(scene, address, Arc::clone(&count)));
            }
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        };
        LocalSet::new().block_on(&Builder::new_current_thread().enable_all().build().unwrap(), readers);
    });
    taken
}

async fn reader(scene: Scene, address: SocketAddr, taken: Arc<AtomicU64>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut incoming, mut outgoing) = stream.into_split();
    if scene == Scene::Sync {
        outgoing.write_all(handshake("large/ws").as_bytes()).await.unwrap();
        spawn_local(async move {
            let mut turns = interval(Duration::from_millis(250));
            loop {
                turns.tick().await;
                outgoing.write_all(&text(r#"{"type":"sync"}"#)).await.unwrap();
            }
        });
        return drain(&mut incoming, &taken).await;
    }
    let request = format!("GET /v1/rooms/large HTTP/1.1\r\nHost: {address}\r\n\r\n");
    loop {
        outgoing.write_all(request.as_bytes()).await.unwrap();
        drain(&mut incoming, &taken).await;
    }
}

/// Reads to the end of a chunked answer, or of the stream.
async fn drain(incoming: &mut (impl AsyncReadExt + Unpin), taken: &AtomicU64) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = incoming.read(&mut bytes).await {
        taken.fetch_add(count as u64, Relaxed);
        if bytes[..count].ends_with(b"]}\r\n0\r\n\r\n") {
            return;
        }
    }
}
