//! Many small rooms on one node over Redis, beside few large ones with as many players: what a room and a connection
//! take while nothing happens, how long it takes until a lost bus is back, and that what happens on another node is heard
//! before and after.
//!
//! `cargo bench --bench rooms [-- CONNECTIONS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

mod crowd;
#[path = "../tests/engines/mod.rs"]
mod engines;
#[path = "../tests/support/mod.rs"]
mod support;
mod usage;

use std::{
    cmp::Reverse,
    iter::zip,
    ops::Sub,
    time::{Duration, Instant},
};

use asset_arbiter::model::ServerMessage;
use crowd::Crowd;
use engines::redis::{Engine, Server};
use support::{Process, soon};
use tokio::time::sleep;
use usage::{busy, resident, sum};

const CONNECTIONS: usize = 10_000;
/// Until what comes with joining is over, and rooms are compared with the store each at its own time.
const SETTLE: Duration = Duration::from_secs(15);
const WATCH: Duration = Duration::from_secs(30);
/// Rooms that have a member on another node, too.
const SHARED: usize = 100;

/// Selected by everyone once, so that it is stored; and those selected on the other node before and after the bus is lost.
const ASSETS: [&str; 3] = ["sword", "bow", "crown"];

/// So many players in so many rooms, the same number in each.
struct Scene {
    players: usize,
    rooms: usize,
    flags: &'static [&'static str],
}

/// A node with the players of a scene on it.
struct Stage {
    redis: Server,
    node: Process,
    crowd: Crowd,
    scene: Scene,
}

#[tokio::main]
async fn main() {
    let asked = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    let players = asked.unwrap_or(CONNECTIONS);
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(files > players as u64 + 500, "{files} open files are too few: ulimit -n");
    let engine = engines::redis::redis().expect("redis-server");
    let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
    println!(
        "{players} connections, {build}. Idle: {WATCH:?}, from {SETTLE:?} after the last one joined and selected once.\n"
    );
    heading();
    let scene = |rooms, flags| Scene { players, rooms, flags };
    let (stage, many) = scene(players, &[]).watch(&engine).await;
    let lost = stage.lose_the_bus().await;
    let (_, seldom) = scene(players, &["--resync-interval", "30s"]).watch(&engine).await;
    let (_, some) = scene(players / 100, &[]).watch(&engine).await;
    let (_, one) = scene(1, &[]).watch(&engine).await;
    println!("\n{lost}");
    worksheet(players, &many, &seldom, [&some, &one]);
}

impl Scene {
    /// Sets it up, and watches it while nothing happens.
    async fn watch(self, engine: &Engine) -> (Stage, Figures) {
        let redis = engine.start();
        let assets = ASSETS.map(|asset| format!("--asset={asset}=1"));
        let url = redis.url();
        let flags =
            assets.iter().map(String::as_str).chain(["--store", &url]).chain(self.flags.iter().copied());
        let node = Process::start(&flags.collect::<Vec<_>>()).await;
        let empty = resident(node.child.id().unwrap());
        let mut crowd = Crowd::join(node.address, (0..self.players).map(|number| self.room(number))).await;
        let joins = self.players as f64 / crowd.joined_in.as_secs_f64();
        let decisions = self.players as f64 / crowd.select_all(ASSETS[0]).await.as_secs_f64();
        sleep(SETTLE).await;
        let stage = Stage { redis, node, crowd, scene: self };
        stage.is_subscribed(&[stage.scene.rooms]);
        let (since, before) = (Instant::now(), stage.counts().await);
        sleep(WATCH).await;
        let idle = (stage.counts().await - before).each(since.elapsed().as_secs_f64());
        let memory = (resident(stage.id()) - empty) / stage.scene.players as f64;
        let figures = Figures { joins, decisions, memory, idle };
        figures.print(&stage);
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

    /// How many rooms each node that has any is subscribed to, as Redis says, the most first.
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

    /// The node's connections to Redis, while it is the only one; ours is left out.
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

    /// A second node gets members in some of the rooms; what they are granted is heard here, also after the bus was gone.
    async fn lose_the_bus(mut self) -> String {
        let url = self.redis.url();
        let assets = ASSETS.map(|asset| format!("--asset={asset}=1"));
        let flags: Vec<_> = assets.iter().map(String::as_str).chain(["--store", &url]).collect();
        let there = Process::start(&flags).await;
        let (rooms, apart) = (self.scene.rooms, self.scene.rooms / SHARED);
        let guests = Crowd::join(there.address, (0..SHARED).map(|guest| self.scene.room(guest * apart))).await;
        let shared = guests.len();
        self.is_subscribed(&[rooms, shared]);
        assert_eq!(self.node.metric("asset_arbiter_rooms").await, rooms as u64);
        let dropped = sum(&support::metrics(self.node.address).await, "asset_arbiter_bus_dropped_total");
        assert!(dropped == 0.0, "{dropped} messages were dropped");
        let before = self.grants_are_heard(&guests, apart, ASSETS[1]).await;

        let (since, compared) = (Instant::now(), self.compared().await);
        let killed: usize = self.redis.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        assert_eq!(killed, 2, "each node has one connection for its bus");
        let subscribed = soon("all subscriptions", async {
            while self.subscribed() != [rooms, shared] {
                sleep(Duration::from_millis(2)).await;
            }
            since.elapsed()
        });
        let subscribed = subscribed.await;
        let after = self.grants_are_heard(&guests, apart, ASSETS[2]).await;
        let all_compared = soon("all comparisons", async {
            while self.compared().await < compared + rooms as f64 {
                sleep(Duration::from_millis(20)).await;
            }
            since.elapsed()
        });
        let all_compared = all_compared.await;
        format!(
            "{shared} of {rooms} rooms have a member on another node; a grant there is heard here after {before}.\n\
             The bus is cut: all {rooms} rooms are subscribed to again after {subscribed:.1?}, and compared with the store \
             within {all_compared:.1?}.\nFrom {subscribed:.1?} on a grant there is heard here after {after}."
        )
    }

    /// One guest after the other selects what is new in its room, and the member here hears of it.
    async fn grants_are_heard(&mut self, guests: &Crowd, apart: usize, asset: &str) -> String {
        let mut took = Vec::new();
        for guest in 0..guests.len() {
            let since = Instant::now();
            guests.select(guest, asset);
            let heard = |number, message: &ServerMessage| {
                let granted =
                    matches!(message, ServerMessage::AssetGranted { asset: of, .. } if of.as_str() == asset);
                granted && number == guest * apart
            };
            self.crowd.hear(heard).await;
            took.push(since.elapsed());
        }
        took.sort();
        format!("{:.1?} (longest {:.1?})", took[took.len() / 2], took[took.len() - 1])
    }
}

/// What a scene came to.
struct Figures {
    joins: f64,
    decisions: f64,
    /// Bytes for each connection.
    memory: f64,
    /// In a second of doing nothing.
    idle: Counts,
}

/// What was used up to some moment, or of it in a second: hundredths of a second of the processor by the node and by
/// Redis, store calls, those that compare a room, messages handed to the bus, Redis commands, and kilobytes to and from
/// Redis.
#[derive(Clone, Copy)]
struct Counts([f64; 7]);

impl Counts {
    const NODE: usize = 0;
    const REDIS: usize = 1;
    const COMPARISONS: usize = 3;
    const BYTES: usize = 6;

    fn each(self, times: f64) -> Self {
        Self(self.0.map(|count| count / times))
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(mut self, before: Self) -> Self {
        zip(&mut self.0, before.0).for_each(|(count, before)| *count -= before);
        self
    }
}

fn heading() {
    println!(
        "{:>15}{:>10}{:>8}{:>10}{:>13}{:>44}",
        "", "joins", "selects", "KB of a", "connections", "idle, in a second"
    );
    println!(
        "{:>15}{:>10}{:>8}{:>10}{:>13}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}",
        "rooms",
        "/s",
        "/s",
        "connection",
        "to Redis",
        "node %",
        "Redis %",
        "calls",
        "compare",
        "bus",
        "commands",
        "KB"
    );
}

impl Figures {
    fn print(&self, stage: &Stage) {
        let [node, redis, calls, comparisons, published, commands, bytes] = self.idle.0;
        println!(
            "{:>8}{:>7}{:>10.0}{:>8.0}{:>10.1}{:>13}{node:>9.1}{redis:>8.1}{calls:>9.0}{comparisons:>9.0}{published:>9.0}{commands:>9.0}{bytes:>8.0}",
            stage.scene.rooms,
            stage.scene.flags.last().unwrap_or(&"5s"),
            self.joins,
            self.decisions,
            self.memory / 1000.0,
            stage.connections(),
        );
    }
}

/// What follows from comparing the scenes.
fn worksheet(players: usize, many: &Figures, seldom: &Figures, [some, one]: [&Figures; 2]) {
    let more = many.idle - seldom.idle;
    let each = |what: usize| more.0[what] / more.0[Counts::COMPARISONS];
    println!("\nFor the worksheet of deploy/README.md:");
    println!(
        "  an idle connection: {:.1} KB ({players} in one room), {:.1} KB (100 in each)",
        one.memory / 1e3,
        some.memory / 1e3
    );
    println!(
        "  a room with its first asset, beside the connection: {:.1} KB",
        (many.memory - one.memory) / 1e3
    );
    println!(
        "  joins a second: {:.0} into rooms that are there, {:.0} that open one each",
        one.joins, many.joins
    );
    println!("  selects a second that come alone, a store call each: {:.0}", many.decisions);
    println!(
        "  comparing a room with the store once: {:.0} us of the node, {:.0} us of Redis, {:.0} bytes",
        each(Counts::NODE) * 1e4,
        each(Counts::REDIS) * 1e4,
        each(Counts::BYTES) * 1e3
    );
}
