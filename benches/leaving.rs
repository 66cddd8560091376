//! What it costs to keep the grants of players who are there: 1,000 players in a room, each with one asset of its own, and
//! then all with a unit of one asset, whose grants end 30 s after a player left. Prints the store calls that prolong them, the
//! node's processor time, and the capacity units where the store counts them.
//!
//! `cargo bench --bench leaving [-- STORE [AT_ONCE]]`, such as `redis://127.0.0.1`; without a store: in memory. So many players
//! come at a time, by default 4; a slow store bears fewer.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use asset_arbiter::model::ServerMessage;
use futures::{StreamExt, stream};
use support::{Client, Process};
use tokio::{task::JoinHandle, time::sleep};
use usage::{busy, sum};

const PLAYERS: usize = 1000;
const AT_ONCE: usize = 4;
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
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let store = args.next().unwrap_or_else(|| "memory:".to_owned());
    let at_once = args.next().map_or(AT_ONCE, |number| number.parse().unwrap());
    let scheme = store.split(':').next().unwrap_or_default();
    println!("{PLAYERS} players on {scheme}:, whose grants end {LEAVE:?} after they left; each second");
    let room = format!("r{:x}", std::process::id());
    let of_one = |player: usize| format!("a{player}");
    let of_all = |_: usize| "all".to_owned();
    for (what, asset) in [("an asset each", &of_one as &dyn Fn(usize) -> String), ("one asset", &of_all)] {
        let assets: Vec<_> = (0..PLAYERS).map(asset).collect();
        measure(&store, &format!("{room}-{}", assets[0]), what, assets, at_once).await;
    }
}

async fn measure(store: &str, room: &str, what: &str, assets: Vec<String>, at_once: usize) {
    // The clients here answer no pings.
    let flags = ["--store", store, "--bus", "local:", "--selects-per-second", "0", "--ping-interval", "1h"];
    let node = Process::start(&flags).await;
    let units = PLAYERS / assets.iter().collect::<HashSet<_>>().len();
    let body = format!(r#"{{"units":{units},"leave_ms":{}}}"#, LEAVE.as_millis());
    let took = stream::iter(assets.into_iter().enumerate()).map(|(player, asset)| {
        let (room, body, address) = (room.to_owned(), body.clone(), node.address);
        async move {
            create(address, &format!("/v1/rooms/{room}/assets/{asset}"), &body).await;
            let mut member = Client::join(address, &format!("{room}/ws?player=p{player}")).await;
            gets(&mut member, &asset).await;
            member
        }
    });
    // They read what they are told.
    let listen =
        |mut member: Client| tokio::spawn(async move { while member.text_or_closed().await.is_ok() {} });
    let listening: Vec<JoinHandle<()>> = took.buffer_unordered(at_once).map(listen).collect().await;
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

/// Creates an asset; a slow store may answer too late.
async fn create(node: SocketAddr, path: &str, body: &str) {
    let mut answer = String::new();
    while !answer.starts_with("HTTP/1.1 2") {
        answer = support::call(node, "PUT", path, body).await;
    }
}

/// The same of a select.
async fn gets(member: &mut Client, asset: &str) {
    let mut answer = member.selects(asset).await;
    while matches!(answer, ServerMessage::Error { temporary: true, .. }) {
        answer = member.selects(asset).await;
    }
    assert!(matches!(answer, ServerMessage::Selection { granted: true, .. }), "{answer:?}");
}

async fn counts(node: &Process) -> [f64; 4] {
    let metrics = support::metrics(node.address).await;
    COUNTED.map(|(_, name)| sum(&metrics, name))
}
