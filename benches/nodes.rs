//! 600 players of one room on three nodes, each on a host of its own. Measures the delay of a grant from the first
//! player to the others, on the granting node and on the other two, with all selects at once and with 20 grants a
//! second.
//!
//! `cargo bench --features full --bench nodes`, as root, because the hosts are network namespaces. The servers are
//! those installed by `./test.sh`, on one small machine together with the players.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/engines/mod.rs"]
mod engines;
#[allow(dead_code, reason = "it is of the tests")]
#[path = "../tests/hosts/network.rs"]
mod network;
#[allow(dead_code, reason = "it is of the tests")]
#[path = "../tests/hosts/nodes.rs"]
mod nodes;
#[allow(dead_code, reason = "it is of the tests")]
#[path = "../tests/hosts/race.rs"]
mod race;
#[path = "../tests/support/mod.rs"]
mod support;

use asset_arbiter::bots::Length;
use engines::{dynamodb, nats, redis};
use network::Network;
use nodes::three;
use race::{PLAYERS, Race, urls};

#[tokio::main]
async fn main() {
    println!("{:>58}{:>22}", "same node, ms", "other nodes, ms");
    println!("{:<37}{:>9}{:>6}{:>6}{:>12}{:>10}", "", "dec./s", "p50", "p99", "p50", "p99");
    if let Some((redis, mut network)) = redis::redis().zip(Network::new()) {
        let redis = redis.at(network.host().location).start();
        races("Redis", &three(&mut network, &redis.url(), &[]).await).await;
    }
    let others = dynamodb::local().zip(nats::nats());
    if let Some(((store, bus), mut network)) = others.zip(Network::new()) {
        let store = store.at(network.host().location).start().await;
        let bus = bus.at(network.host().location).start();
        races("DynamoDB Local, NATS", &three(&mut network, &store.url(), &["--bus", &bus.url()]).await).await;
    }
}

async fn races(engines: &str, nodes: &[nodes::Node]) {
    let all_at_once = Race { assets: 20, units: 3, rate: 0.0, length: Length::Rounds(5) };
    run(engines, "all at once", all_at_once, nodes).await;
    let calm = Race { assets: 1, units: PLAYERS as u32, rate: 20.0, length: Length::Rounds(1) };
    run(engines, "20 grants/s", calm, nodes).await;
}

async fn run(engines: &str, how: &str, race: Race, nodes: &[nodes::Node]) {
    let (report, ()) = race.run(urls(nodes), async {}).await;
    let (delivery, decisions) = (report.delivery_ms.unwrap(), report.decisions);
    println!(
        "{engines:<22}{how:<15}{:>9.0}{:>6.1}{:>6.1}{:>12.1}{:>10.1}",
        decisions.per_second,
        delivery.same_node.p50,
        delivery.same_node.p99,
        delivery.other_nodes.p50,
        delivery.other_nodes.p99
    );
}
