//! Many small rooms on one node over Redis, compared with few large ones of as many players. Measures the cost of an
//! idle room and connection, the recovery from a lost bus, and that events of another node arrive before and after the
//! loss.
//!
//! `cargo bench --bench rooms [-- CONNECTIONS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

mod clients;
#[path = "../tests/engines/mod.rs"]
mod engines;
mod figures;
#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{
    cmp::Reverse,
    time::{Duration, Instant},
};

use asset_arbiter::model::ServerMessage;
use clients::Clients;
use engines::redis::{Engine, Server};
use figures::{Counts, Figures};
use support::{Process, soon};
use tokio::time::sleep;
use usage::{busy, resident, sum};

const CONNECTIONS: usize = 10_000;
/// Until the effects of joining are over and the resyncs of the rooms are spread out.
const SETTLE: Duration = Duration::from_secs(15);
const WATCH: Duration = Duration::from_secs(30);
/// The default of `--resync-interval`.
const DEFAULT: &str = "5s";
/// Rooms that also have a member on another node.
const SHARED: usize = 100;

/// The first is selected by everyone once, so that it is stored; the others on the other node, before and after the
/// loss of the bus.
const ASSETS: [&str; 3] = ["sword", "bow", "crown"];

/// Players distributed evenly over rooms.
struct Scene {
    players: usize,
    rooms: usize,
    resync: &'static str,
}

/// A node with the players of a scene.
struct Stage {
    redis: Server,
    node: Process,
    clients: Clients,
    scene: Scene,
}

#[tokio::main]
async fn main() {
    let asked = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let players = asked.unwrap_or(CONNECTIONS);
    assert!(players >= 2 * SHARED, "half of the rooms at most have a member on another node, too");
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(files > players as u64 + 500, "{files} open files are too few: ulimit -n");
    let engine = engines::redis::redis().expect("redis-server");
    let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
    println!(
        "{players} connections, {build}. Idle: {WATCH:?}, from {SETTLE:?} after the last one joined and selected once.\n"
    );
    figures::heading();
    let scene = |rooms, resync| Scene { players, rooms, resync };
    let (stage, many) = scene(players, DEFAULT).watch(&engine).await;
    let lost = stage.lose_the_bus().await;
    let (_, seldom) = scene(players, "30s").watch(&engine).await;
    let (_, some) = scene(players / 100, DEFAULT).watch(&engine).await;
    let (_, one) = scene(1, DEFAULT).watch(&engine).await;
    println!("\n{lost}");
    figures::worksheet(players, [&many, &seldom, &some, &one]);
}

impl Scene {
    /// Sets the scene up and measures it while idle.
    async fn watch(self, engine: &Engine) -> (Stage, Figures) {
        let redis = engine.start();
        let node = start(&redis, self.resync).await;
        let empty = resident(node.child.id().unwrap());
        let mut clients = Clients::join(node.address, (0..self.players).map(|number| self.room(number))).await;
        let joins = self.players as f64 / clients.joined_in.as_secs_f64();
        let decisions = self.players as f64 / clients.select_all(ASSETS[0]).await.as_secs_f64();
        sleep(SETTLE).await;
        let stage = Stage { redis, node, clients, scene: self };
        stage.is_subscribed(&[stage.scene.rooms]);
        let (since, before) = (Instant::now(), stage.counts().await);
        sleep(WATCH).await;
        let idle = (stage.counts().await - before).each(since.elapsed().as_secs_f64());
        let memory = (resident(stage.id()) - empty) / stage.scene.players as f64;
        let (rooms, resync, connections) = (stage.scene.rooms, stage.scene.resync, stage.connections());
        let figures = Figures { rooms, resync, joins, decisions, memory, connections, idle };
        figures.print();
        (stage, figures)
    }

    /// The room of a player.
    fn room(&self, number: usize) -> String {
        format!("room-{}", number % self.rooms)
    }
}

impl Stage {
    fn id(&self) -> u32 {
        self.node.child.id().unwrap()
    }

    /// The number of rooms that each subscribed node subscribes to, according to Redis, largest first.
    fn subscribed(&self) -> Vec<usize> {
        let clients: String = self.redis.ask(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        let rooms = |client: &str| client.split_once(" sub=")?.1.split(' ').next()?.parse().ok();
        let mut rooms: Vec<usize> = clients.lines().filter_map(rooms).collect();
        rooms.sort_by_key(|&rooms| Reverse(rooms));
        rooms
    }

    fn is_subscribed(&self, rooms: &[usize]) {
        assert_eq!(
            self.subscribed(),
            rooms,
            "one connection of each node hears all of its rooms, and no other"
        );
    }

    /// The number of connections subscribed to the room of a player.
    fn hearers(&self, number: usize) -> usize {
        let channel = format!("asset-arbiter:{{{}}}:bus:0", self.scene.room(number));
        self.redis.ask::<(String, usize)>(&["PUBSUB", "NUMSUB", &channel]).1
    }

    /// The node's connections to Redis, while it is the only node, without our own.
    fn connections(&self) -> usize {
        let clients: String = self.redis.ask(&["CLIENT", "LIST"]);
        clients.lines().filter(|client| !client.contains("cmd=client|list")).count()
    }

    async fn counts(&self) -> Counts {
        let (node, redis) = (support::metrics(self.node.address).await, self.redis.ask::<String>(&["INFO"]));
        let of_redis = |field: &str| {
            let line = redis.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            line.unwrap().parse::<f64>().unwrap()
        };
        Counts([
            busy(self.id()) / 1e4,
            busy(self.redis.process.id()) / 1e4,
            sum(&node, "asset_arbiter_store_call_duration_seconds_count"),
            sum(&node, r#"asset_arbiter_store_call_duration_seconds_count{call="revisions"}"#),
            sum(&node, "asset_arbiter_bus_published_total"),
            of_redis("total_commands_processed"),
            (of_redis("total_net_input_bytes") + of_redis("total_net_output_bytes")) / 1000.0,
        ])
    }

    async fn compared(&self) -> f64 {
        self.counts().await.0[Counts::COMPARISONS]
    }

    /// Adds members in some rooms on a second node, and checks that their grants arrive here before and after a bus
    /// outage.
    async fn lose_the_bus(mut self) -> String {
        let there = start(&self.redis, DEFAULT).await;
        let (rooms, apart) = (self.scene.rooms, self.scene.rooms / SHARED);
        let guests =
            Clients::join(there.address, (0..SHARED).map(|guest| self.scene.room(guest * apart))).await;
        let shared = guests.len();
        self.is_subscribed(&[rooms, shared]);
        let active = self.node.metric("asset_arbiter_rooms").await;
        assert_eq!(active, rooms as u64, "the node knows no more rooms than it hears");
        assert_eq!([0, 1].map(|number| self.hearers(number)), [2, 1], "only the first has a member there");
        let dropped = sum(&support::metrics(self.node.address).await, "asset_arbiter_bus_dropped_total");
        assert!(dropped == 0.0, "{dropped} messages were dropped");
        let before = self.grants_are_heard(&guests, apart, ASSETS[1]).await;

        let (compared, since) = (self.compared().await, Instant::now());
        let killed: usize = self.redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_eq!(killed, 2, "each node has one connection for its bus");
        let subscribed =
            until("all subscriptions", async || self.subscribed() == [rooms, shared]).await - since;
        let after = self.grants_are_heard(&guests, apart, ASSETS[2]).await;
        let all = compared + rooms as f64;
        let all_compared = until("all comparisons", async || self.compared().await >= all).await - since;
        format!(
            "One connection of the node is subscribed to {rooms} rooms (CLIENT LIST), {active} are active (/metrics).\n\
             {shared} of them have a member on another node; a grant there is heard here after {before}.\n\
             The bus is cut: all {rooms} rooms are subscribed to again after {subscribed:.1?}, and compared with the store \
             within {all_compared:.1?}.\nFrom {subscribed:.1?} on a grant there is heard here after {after}."
        )
    }

    /// Guest after guest selects a new asset in its room, and the member here waits for the event.
    async fn grants_are_heard(&mut self, guests: &Clients, apart: usize, asset: &str) -> String {
        let mut took = Vec::new();
        for guest in 0..guests.len() {
            let since = Instant::now();
            guests.select(guest, asset);
            let heard = |number, message: &ServerMessage| {
                let granted =
                    matches!(message, ServerMessage::AssetGranted { asset: of, .. } if of.as_str() == asset);
                granted && number == guest * apart
            };
            self.clients.hear(heard).await;
            took.push(since.elapsed());
        }
        took.sort();
        format!("{:.1?} (longest {:.1?})", took[took.len() / 2], took[took.len() - 1])
    }
}

async fn start(redis: &Server, resync: &str) -> Process {
    let [one, two, three] = ASSETS.map(|asset| format!("--asset={asset}=1"));
    Process::start(&["--store", &redis.url(), "--resync-interval", resync, &one, &two, &three]).await
}

/// Waits for a condition and returns the time.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) -> Instant {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
        Instant::now()
    };
    soon(what, waiting).await
}
