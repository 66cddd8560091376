use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::store;
use crate::{conformance::ground::room, engines::eventually, support::Process};

pub const ROOM: &str = "race";
pub const GRANTED: &str = r#"asset_arbiter_selects_total{outcome="granted"}"#;
pub const REGRESSIONS: &str = "asset_arbiter_regressions_total";

/// The binary on a store, and its own bots against it: the promise holds.
pub async fn holds_on(url: &str) {
    holds(vec![Process::start(&["--store", url]).await], url, &CHAOS).await;
}

/// Holds end, are confirmed or left, while connections are cut: the promise holds. `LONG=1` plays with more, and with holds of
/// 300 ms, which a slow store may end before they can be confirmed.
pub async fn holds_with_ends_on(url: &str) {
    let nodes = [Process::start(&["--store", url]).await];
    held_with_ends(race_with_ends(&nodes)).await;
    let [node] = nodes;
    node.end().await;
}

/// The same on three nodes that hear each other over a bus, of which one is killed in mid-race.
pub async fn holds_with_ends_on_three_nodes(url: &str, bus: &str) {
    let flags = ["--store", url, "--bus", bus, "--resync-interval", "200ms"];
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Process::start(&flags).await);
    }
    let bots = race_with_ends(&nodes);
    let mut dying = nodes.pop().unwrap();
    let is_racing = async || (dying.metric(GRANTED).await >= 5).then_some(());
    eventually("the node to grant", is_racing).await;
    dying.child.kill().await.unwrap();
    held_with_ends(bots).await;
    for node in nodes {
        assert_eq!(node.metric(REGRESSIONS).await, 0);
        node.end().await;
    }
}

fn race_with_ends(nodes: &[Process]) -> Bots {
    let is_long = std::env::var_os("LONG").is_some();
    let [players, assets, rate, hold] =
        if is_long { ["500", "20", "4000", "300ms"] } else { ["100", "10", "1000", "1s"] };
    let flags = ["--players", players, "--assets", assets, "--rate", rate, "--rounds", "2", "--hold", hold];
    let shares = ["--confirm-share", "0.33", "--leave-share", "0.2", "--reconnect-chaos", "0.1"];
    Bots::start(nodes, &[&flags[..], &shares].concat())
}

async fn held_with_ends(bots: Bots) {
    let verdict = bots.verdict().await;
    assert!(verdict.held(), "{:?}", verdict.report);
    let holds = &verdict.report["holds"];
    println!("{}: {} {holds}", verdict.report["verdict"], verdict.report["decisions"]);
    assert!(["confirmed", "expired"].iter().all(|end| holds[end].as_u64() > Some(0)), "{holds}");
}

/// Two nodes on one store, which do not hear of each other, and players on both: the promise holds over both together.
pub async fn holds_on_two_nodes(url: &str) {
    let flags = ["--store", url, "--bus", "local:", "--resync-interval", "200ms"];
    holds(vec![Process::start(&flags).await, Process::start(&flags).await], url, &[]).await;
}

/// Two nodes on one store that hear each other over a bus, and over nothing else: everyone is told of everything.
pub async fn holds_over_a_bus(url: &str, bus: &str) {
    let flags = ["--store", url, "--bus", bus, "--resync-interval", "1h"];
    holds(vec![Process::start(&flags).await, Process::start(&flags).await], url, &[]).await;
}

const CHAOS: [&str; 2] = ["--reconnect-chaos", "0.05"];

async fn holds(nodes: Vec<Process>, url: &str, more: &[&str]) {
    let flags = ["--players", "60", "--assets", "20", "--units", "3", "--rounds", "2"];
    let verdict = Bots::start(&nodes, &[&flags[..], more].concat()).verdict().await;
    assert!(verdict.held(), "{:?}", verdict.report);
    assert_eq!(verdict.report["decisions"]["total"], 60 * 20 * 2);
    for asset in store(url).await.snapshot(&room(ROOM)).await.unwrap() {
        assert_eq!((asset.held, asset.remaining), (3, 0), "{asset:?}");
    }
    for node in nodes {
        assert_eq!(node.metric(REGRESSIONS).await, 0);
        node.end().await;
    }
}

/// `asset-arbiter bots`, racing.
pub struct Bots(Child);

/// What they say, and how they end.
pub struct Judgement {
    pub code: Option<i32>,
    pub report: Value,
}

/// More than the bots' own patience with a room that does not settle.
const UNTIL_JUDGED: Duration = Duration::from_secs(60);

impl Bots {
    pub fn start(nodes: &[Process], flags: &[&str]) -> Self {
        let urls = nodes.iter().flat_map(|node| ["--url".to_owned(), format!("ws://{}", node.address)]);
        let bots = Command::new(env!("CARGO_BIN_EXE_asset-arbiter"))
            .args(["bots", "--json", "--room", ROOM, "--seed", "1"])
            .args(urls)
            .args(flags)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        Self(bots.unwrap())
    }

    pub async fn verdict(self) -> Judgement {
        let output = timeout(UNTIL_JUDGED, self.0.wait_with_output()).await.expect("a verdict").unwrap();
        let report = serde_json::from_slice(&output.stdout).expect("a report");
        Judgement { code: output.status.code(), report }
    }
}

impl Judgement {
    pub fn held(&self) -> bool {
        self.code == Some(0) && self.report["verdict"] == "held"
    }
}
