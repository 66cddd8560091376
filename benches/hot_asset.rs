//! One hot asset and 2,000 connected players on one node over Redis. Measures store calls per thousand decisions,
//! decisions per second compared with redis-benchmark's unpipelined DECR on the same server in the same run, and the
//! processor time of node, store and players.
//!
//! `cargo bench --bench hot_asset`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/engines/mod.rs"]
mod engines;
mod race;
#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use asset_arbiter::bots::Report;
use engines::redis::Server;
use race::Race;
use support::Process;
use tokio::process::Command;
use usage::{busy, sum};

const PLAYERS: usize = 2000;
/// The default of redis-benchmark.
const CLIENTS: &str = "50";
const DECREMENTS: usize = 300_000;

/// A race and the node's `--room-log`. Members that lag behind by more frames get a snapshot.
type Heat = (Race, &'static str);

/// If everyone wins, each of 2,000 grants is sent to 2,000 players, so that race measures delivery.
const HEATS: [Heat; 4] = [
    (heat("a unit for everyone", PLAYERS as u32, 3), "512"),
    (heat("the same, all told by frames", PLAYERS as u32, 1), "4096"),
    (heat("100 units, then sold out", 100, 20), "512"),
    (heat("1 unit, then sold out", 1, 100), "512"),
];

const fn heat(what: &'static str, units: u32, rounds: u32) -> Race {
    Race { what, players: PLAYERS, assets: 1, units, rounds }
}

#[tokio::main]
async fn main() {
    let redis = engines::redis::redis().expect("redis-server").start();
    println!(
        "Store calls and processor time since all players have joined, which takes a store call for each.\n"
    );
    println!("{:>61}{:>47}", "calls / 1,000", "processor time of each, us");
    println!(
        "{:<32}{:>9}{:>8}{:>7}{:>7}{:>13}{:>10}{:>8}{:>7}{:>8}",
        "", "dec./s", "x DECR", "select", "any", "deliveries/s", "snapshots", "node", "store", "players"
    );
    let plain = decrement(&redis).await;
    for (race, room_log) in HEATS {
        let node = [Process::start(&["--store", &redis.url(), "--room-log", room_log]).await];
        Bench { redis: &redis, node }.run(&race).await.print(race.what, plain);
    }
    decrement(&redis).await;
}

/// Measures decrements per second.
async fn decrement(redis: &Server) -> f64 {
    let before = busy(redis.process.id());
    let output = Command::new("redis-benchmark")
        .args(["-p", &redis.port.to_string(), "-c", CLIENTS, "-n", &DECREMENTS.to_string(), "--csv"])
        .args(["DECR", "hot"])
        .output()
        .await
        .expect("redis-benchmark, which is in the package redis-tools");
    let output = String::from_utf8(output.stdout).unwrap();
    let rate: f64 = output.lines().last().unwrap().split('"').nth(3).unwrap().parse().unwrap();
    let store = (busy(redis.process.id()) - before) / DECREMENTS as f64;
    let what = format!("DECR, {CLIENTS} clients one by one");
    println!("{what:<32}{rate:>9.0}{:>8.2}{store:>52.2}", 1.0);
    rate
}

struct Bench<'a> {
    redis: &'a Server,
    node: [Process; 1],
}

/// The result of a race.
struct Outcome {
    report: Report,
    spent: Counts,
}

/// Usage up to some moment.
#[derive(Clone, Copy)]
struct Counts {
    decisions: f64,
    /// Store calls that decide, and store calls of any kind.
    selects: f64,
    calls: f64,
    /// Microseconds of processor time of the node, of the store, and of the players (this process).
    busy: [f64; 3],
}

impl Bench<'_> {
    async fn run(&self, race: &Race) -> Outcome {
        let (report, before, after) = race.run(&self.node, async || self.counts().await).await;
        Outcome { report, spent: after.since(before) }
    }

    async fn counts(&self) -> Counts {
        let text = support::metrics(self.node[0].address).await;
        let sum = |name| sum(&text, name);
        Counts {
            decisions: sum("asset_arbiter_selects_total"),
            selects: sum(r#"asset_arbiter_store_call_duration_seconds_count{call="select"}"#),
            calls: sum("asset_arbiter_store_call_duration_seconds_count"),
            busy: self.busy(),
        }
    }

    fn busy(&self) -> [f64; 3] {
        let node = self.node[0].child.id().unwrap();
        [node, self.redis.process.id(), std::process::id()].map(busy)
    }
}

impl Counts {
    fn since(self, before: Self) -> Self {
        Self {
            decisions: self.decisions - before.decisions,
            selects: self.selects - before.selects,
            calls: self.calls - before.calls,
            busy: [0, 1, 2].map(|who| self.busy[who] - before.busy[who]),
        }
    }
}

impl Outcome {
    fn print(&self, what: &str, plain: f64) {
        let Self { report, spent } = self;
        let (rate, each) = (report.decisions.per_second, 1.0 / spent.decisions);
        let deliveries = report.deliveries as f64 / report.race_seconds;
        let [node, store, players] = spent.busy.map(|us| us * each);
        println!(
            "{what:<32}{rate:>9.0}{:>8.2}{:>7.1}{:>7.1}{deliveries:>13.0}{:>10}{node:>8.1}{store:>7.2}{players:>8.1}",
            rate / plain,
            1000.0 * spent.selects * each,
            1000.0 * spent.calls * each,
            report.snapshots,
        );
    }
}
