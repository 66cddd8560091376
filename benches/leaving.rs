//! What it costs to keep the grants of players who are there: 1,000 players in a room, each with one asset of its own, and
//! then all with a unit of one asset, whose grants end 30 s after a player left. Prints the store calls that prolong them, the
//! node's processor time, and the capacity units where the store counts them.
//!
//! `cargo bench --bench leaving [-- STORE]`, such as `redis://127.0.0.1`; without a store: in memory

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::time::Duration;

use futures::{StreamExt, stream};
use support::{Client, Process};
use tokio::{task::JoinHandle, time::sleep};
use usage::{busy, sum};

const PLAYERS: usize = 1000;
const LEAVE: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(30);

/// What is counted, with the metric that counts it.
const COUNTED: [(&str, &str); 4] = [
    ("calls that prolong", "asset_arbiter_store_call_duration_seconds_count{call=\"prolong\"}"),
    ("calls that end grants", "asset_arbiter_store_call_duration_seconds_count{call=\"expire\"}"),
    ("read units", "asset_arbiter_dynamodb_capacity_units_total{kind=\"read\"}"),
    ("write units", "asset_arbiter_dynamodb_capacity_units_total{kind=\"write\"}"),
];

#[tokio::main]
async fn main() {
    let store =
        std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_else(|| "memory:".to_owned());
    let scheme = store.split(':').next().unwrap_or_default();
    println!("{PLAYERS} players on {scheme}:, whose grants end {LEAVE:?} after they left; each second");
    let room = format!("r{:x}", std::process::id());
    let of_one = |player: usize| format!("a{player}");
    let of_all = |_: usize| "all".to_owned();
    for (what, asset) in [("an asset each", &of_one as &dyn Fn(usize) -> String), ("one asset", &of_all)] {
        let assets: Vec<_> = (0..PLAYERS).map(asset).collect();
        measure(&store, &format!("{room}-{}", assets[0]), what, assets).await;
    }
}

async fn measure(store: &str, room: &str, what: &str, assets: Vec<String>) {
    // The clients here answer no pings.
    let flags = ["--store", store, "--bus", "local:", "--selects-per-second", "0", "--ping-interval", "1h"];
    let node = Process::start(&flags).await;
    let units = PLAYERS / assets.iter().collect::<std::collections::HashSet<_>>().len();
    let body = format!(r#"{{"units":{units},"leave_ms":{}}}"#, LEAVE.as_millis());
    let took = stream::iter(assets.into_iter().enumerate()).map(|(player, asset)| {
        let (room, body, address) = (room.to_owned(), body.clone(), node.address);
        async move {
            support::call(address, "PUT", &format!("/v1/rooms/{room}/assets/{asset}"), &body).await;
            let mut member = Client::join(address, &format!("{room}/ws?player=p{player}")).await;
            assert!(member.gets(&asset).await);
            member
        }
    });
    let members: Vec<Client> = took.buffer_unordered(4).collect().await;
    // They read what they are told.
    let listening: Vec<JoinHandle<()>> = members
        .into_iter()
        .map(|mut member| tokio::spawn(async move { while member.text_or_closed().await.is_ok() {} }))
        .collect();
    sleep(LEAVE / 3).await;
    let (cpu, counted) = (busy(node.child.id().unwrap()), counts(&node).await);
    sleep(MEASURED).await;
    let seconds = MEASURED.as_secs_f64();
    let cpu = (busy(node.child.id().unwrap()) - cpu) / 1000.0 / seconds;
    println!("  {what}: {cpu:.1} ms of processor time");
    for (((name, _), before), after) in COUNTED.iter().zip(counted).zip(counts(&node).await) {
        let each = (after - before) / seconds;
        println!("    {each:>7.1} {name}");
    }
    listening.iter().for_each(JoinHandle::abort);
    node.end().await;
}

async fn counts(node: &Process) -> [f64; 4] {
    let metrics = support::metrics(node.address).await;
    COUNTED.map(|(_, name)| sum(&metrics, name))
}
