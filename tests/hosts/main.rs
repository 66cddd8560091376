//! Three arbiters, each on a host of its own, and players of one room on all of them: races, and what hosts and networks
//! do to them in mid-race. The hosts are network namespaces of this machine.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../engines/mod.rs"]
mod engines;
#[path = "../support/mod.rs"]
mod support;

mod network;
mod nodes;
mod race;

use std::time::Duration;

use asset_arbiter::bots::{self, Length};
use engines::{dynamodb, nats, redis};
use network::{Host, Network};
use nodes::{Node, nothing_is_stranded, recovery, three};
use race::{PLAYERS, Race, rush, stream, urls};
use support::{eventually, soon};
use tokio::{task::block_in_place, time::sleep};

/// A race is well under way by then.
const UNDER_WAY: Duration = Duration::from_secs(3);

/// Three nodes and a Redis that loses nothing, on four hosts. What is dropped last is last.
struct Ground {
    nodes: Vec<Node>,
    redis: redis::Server,
    redis_host: Host,
    _network: Network,
}

impl Ground {
    async fn prepare() -> Option<Self> {
        let engine = redis::redis()?;
        let mut network = Network::new()?;
        let redis_host = network.host();
        let redis = engine.at(redis_host.location.clone()).start_with(&redis::DURABLE);
        let nodes = three(&mut network, &redis.url(), &[]).await;
        Some(Self { nodes, redis, redis_host, _network: network })
    }

    async fn nothing_is_stranded(&self) {
        nothing_is_stranded(&self.nodes).await;
        // No room is listened to that nobody is in. Redis may take a while to learn that a connection it was cut off from
        // was given up.
        let channels = || async { self.redis.ask::<Vec<String>>(&["PUBSUB", "CHANNELS"]) };
        eventually(Vec::new(), channels).await;
    }
}

async fn race_undisturbed(nodes: &[Node], assets: usize) {
    let race = Race { assets, units: 3, rate: 0.0, length: Length::Rounds(3) };
    let (report, ()) = race.run(urls(nodes), async {}).await;
    println!("{}", bots::text(&report));
    assert_eq!(report.reconnects.total, 0);
    let delivery = report.delivery_ms.unwrap();
    if report.snapshots == 0 {
        // A store call that was repeated finds what it did the first time.
        let granted = report.decisions.granted + report.decisions.already_held;
        assert_eq!(report.deliveries, granted * PLAYERS as u64, "a frame for everyone");
    }
    assert!(delivery.other_nodes.count > delivery.same_node.count, "two thirds are elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_over_redis_is_held() {
    let Some(ground) = Ground::prepare().await else { return };
    race_undisturbed(&ground.nodes, 20).await;
    ground.nothing_is_stranded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_over_dynamodb_and_nats_is_held() {
    let Some(store) = dynamodb::local() else { return };
    let Some(bus) = nats::nats() else { return };
    let Some(mut network) = Network::new() else { return };
    let store = store.at(network.host().location).start().await;
    let bus = bus.at(network.host().location).start();
    let nodes = three(&mut network, &store.url(), &["--bus", &bus.url()]).await;
    race_undisturbed(&nodes, 5).await;
    nothing_is_stranded(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_leaves_its_players_to_the_others() {
    let Some(mut ground) = Ground::prepare().await else { return };
    let urls = urls(&ground.nodes);
    let (report, recovered) = rush(Duration::from_secs(12))
        .run(urls, async {
            sleep(UNDER_WAY).await;
            ground.nodes[0].process.child.kill().await.unwrap();
            sleep(Duration::from_secs(4)).await;
            ground.nodes[0].start_again().await;
            recovery(&ground.nodes).await
        })
        .await;
    println!("killed: recovered {recovered:?} after it was up again\n{}", bots::text(&report));
    assert!(report.reconnects.total >= PLAYERS as u64 / 3, "its players came to others");
    ground.nothing_is_stranded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_from_redis_for_10_s_catches_up() {
    let Some(ground) = Ground::prepare().await else { return };
    let (report, recovered) = stream()
        .run(urls(&ground.nodes), async {
            sleep(UNDER_WAY).await;
            ground.nodes[0].host.cut_from(&ground.redis_host);
            sleep(Duration::from_secs(10)).await;
            ground.nodes[0].host.rejoin(&ground.redis_host);
            recovery(&ground.nodes).await
        })
        .await;
    println!("cut from Redis: recovered {recovered:?} after it was there again\n{}", bots::text(&report));
    let missed = ["store_unavailable", "outcome_unknown"].map(|code| report.errors.get(code).copied());
    assert!(missed.iter().flatten().sum::<u64>() > 0, "its players noticed: {:?}", report.errors);
    ground.nothing_is_stranded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_restarted_is_found_again() {
    let Some(mut ground) = Ground::prepare().await else { return };
    let (report, recovered) = stream()
        .run(urls(&ground.nodes), async {
            sleep(UNDER_WAY).await;
            ground.redis.process.kill();
            sleep(Duration::from_secs(2)).await;
            block_in_place(|| ground.redis.restart());
            recovery(&ground.nodes).await
        })
        .await;
    println!("Redis restarted: recovered {recovered:?} after it was up again\n{}", bots::text(&report));
    ground.nothing_is_stranded().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_rolling_restart_every_select_is_answered_and_nobody_is_left_behind() {
    let Some(mut ground) = Ground::prepare().await else { return };
    let urls = urls(&ground.nodes);
    let (report, recovered) = rush(Duration::from_secs(15))
        .run(urls, async {
            for number in 0..ground.nodes.len() {
                sleep(UNDER_WAY).await;
                ground.nodes[number].process.terminate().await;
                let exit = soon("the node to end", ground.nodes[number].process.child.wait()).await.unwrap();
                assert_eq!(exit.code(), Some(0));
                ground.nodes[number].start_again().await;
            }
            recovery(&ground.nodes).await
        })
        .await;
    println!("rolling restart: recovered {recovered:?} after the last was up\n{}", bots::text(&report));
    assert!(report.reconnects.total >= PLAYERS as u64, "everybody had to move: {}", report.reconnects.total);
    ground.nothing_is_stranded().await;
}
