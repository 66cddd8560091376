//! What deadlines cost a node and how prompt they are: 10,000 holds on 100 assets, which end over five seconds. Prints the
//! node's processor time per second while they run and while they end, and how much later than its deadline a member is
//! told of an end.
//!
//! `cargo bench --bench leases`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use asset_arbiter::model::{EndReason, ServerMessage};
use hdrhistogram::Histogram;
use support::{Client, Process};
use tokio::time::sleep;
use usage::busy;

const ASSETS: usize = 100;
const HOLDERS: usize = 100;
const HOLD: Duration = Duration::from_secs(30);
/// The time over which the holds begin, and so the time over which they end.
const SPREAD: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let node = Process::start(&["--selects-per-second", "0", "--room-log", "65536"]).await;
    let pid = node.child.id().unwrap();
    let mut observer = Client::join(node.address, "r/ws").await;
    let taking = std::thread::spawn(move || take_all(node.address));
    let mut grants = HashMap::new();
    while grants.len() < ASSETS * HOLDERS {
        if let ServerMessage::AssetGranted { asset, player, until, .. } = observer.hear().await {
            grants.insert((asset, player), until.unwrap());
        }
    }
    taking.join().unwrap();
    let running = over(pid, Duration::from_secs(10)).await;
    let (before, begun) = (busy(pid), Instant::now());
    let mut late = Histogram::<u64>::new(3).unwrap();
    while !grants.is_empty() {
        if let ServerMessage::AssetReleased { asset, player, reason, .. } = observer.hear().await {
            assert_eq!(reason, EndReason::Expired);
            let until = grants.remove(&(asset, player)).expect("a grant ends once");
            late.record(now().checked_sub(until).expect("no grant ends early")).unwrap();
        }
    }
    let ending = (busy(pid) - before) / 1000.0 / begun.elapsed().as_secs_f64();
    println!("{} holds on {ASSETS} assets, memory:", ASSETS * HOLDERS);
    println!("  processor time while they run  {running:>6.1} ms a second");
    println!("  until the last has ended       {ending:>6.1} ms a second");
    let [median, tail] = [0.5, 0.99].map(|quantile| late.value_at_quantile(quantile));
    println!("  told after the deadline        p50 {median} ms, p99 {tail} ms, at most {} ms", late.max());
    node.end().await;
}

/// Processor time in milliseconds per second.
async fn over(pid: u32, time: Duration) -> f64 {
    let before = busy(pid);
    sleep(time).await;
    (busy(pid) - before) / 1000.0 / time.as_secs_f64()
}

/// Creates the assets, and takes all holds, evenly over [`SPREAD`].
fn take_all(node: SocketAddr) {
    let mut stream = BufReader::new(TcpStream::connect(node).unwrap());
    for asset in 0..ASSETS {
        let body = format!(r#"{{"units":{HOLDERS},"hold_ms":{}}}"#, HOLD.as_millis());
        ask(&mut stream, "PUT", &format!("a{asset}"), &body);
    }
    let begun = Instant::now();
    for n in 0..ASSETS * HOLDERS {
        let due = SPREAD.mul_f64(n as f64 / (ASSETS * HOLDERS) as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let body = format!(r#"{{"player":"p{}"}}"#, n / ASSETS);
        ask(&mut stream, "POST", &format!("a{}/select", n % ASSETS), &body);
    }
}

fn ask(stream: &mut BufReader<TcpStream>, method: &str, path: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "{method} /v1/rooms/r/assets/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
    let (mut line, mut length, mut status) = (String::new(), 0, String::new());
    while !matches!(line.as_str(), "\r\n") {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if status.is_empty() {
            status.clone_from(&line);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    assert!(status.contains(" 20"), "{status}{}", String::from_utf8_lossy(&body));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}
