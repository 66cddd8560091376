//! One scene: nodes on one Redis, and perhaps one NATS, with all players.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;

use crate::{
    args::{Args, Bus, Rooms},
    crew::{Crew, SOON},
    engines::{nats, redis},
    floor::Floor,
    protocol::{Order, Report, now},
    spent::{Roles, Spent, memory, resident},
    support::Process,
    table::{Column, milliseconds, spread},
    usage::sum,
};

/// Joins of one worker at a time.
const WINDOW: usize = 16;
/// After which the effects of joining are over.
const SETTLE: Duration = Duration::from_secs(10);
/// For all players to join, or to come back.
const JOINING: Duration = Duration::from_secs(240);
/// Players of a race.
const RACERS: u32 = 1000;
const RACES: u32 = 5;
/// Between two grants while players come back, in small rooms.
const BREATH: Duration = Duration::from_millis(20);

pub(crate) struct Scene<'a> {
    pub(crate) args: &'a Args,
    pub(crate) bus: Bus,
    pub(crate) rooms: Rooms,
    pub(crate) floor: Floor,
}

/// A scene with everything started.
struct Stage<'a> {
    scene: Scene<'a>,
    /// Players of a room.
    size: u32,
    cores: f64,
    redis: redis::Server,
    nats: Option<nats::Server>,
    nodes: Vec<Process>,
    /// Memory of the nodes without players, and before them what the machine had left and what its kernel had.
    empty: f64,
    available: f64,
    kernel: f64,
    crew: Crew,
    roles: Roles,
    grants: u32,
}

/// Grants told to everybody in their rooms.
#[derive(Default)]
struct Outcome {
    /// Microseconds from the first select until the last reply, and until the last member knew, of each.
    replied: Vec<f64>,
    known: Vec<f64>,
    /// Microseconds until each member knew, on the winner's node and on others.
    same_node: Vec<f64>,
    other_nodes: Vec<f64>,
}

impl Scene<'_> {
    pub(crate) fn heading(&self) -> String {
        let bus = if self.bus == Bus::Redis { "Redis" } else { "Redis, bus NATS" };
        let rooms = if self.rooms == Rooms::One { "one room" } else { "rooms of 100" };
        format!("{bus}; {rooms}")
    }

    /// Measures everything.
    ///
    /// # Errors
    /// A promise was broken, or something took too long.
    pub(crate) async fn measure(
        self,
        redis: &redis::Engine,
        nats: Option<&nats::Engine>,
        column: &mut Column,
    ) -> Result<(), String> {
        let mut stage = Stage::start(self, redis, nats).await;
        stage.join(column).await?;
        stage.rest(column).await?;
        stage.tell(column).await?;
        stage.race(column).await?;
        stage.lose_a_node(column).await?;
        stage.audit(column).await
    }
}

impl<'a> Stage<'a> {
    async fn start(scene: Scene<'a>, redis: &redis::Engine, nats: Option<&nats::Engine>) -> Self {
        let (redis, nats) = (redis.start(), nats.map(nats::Engine::start));
        let (args, available, kernel) = (scene.args, memory("MemAvailable"), memory("SUnreclaim"));
        let bus = nats.as_ref().map_or(redis.url(), nats::Server::url);
        let [connections, members] = [args.most_of_a_node() + 1000, args.connections].map(|n| n.to_string());
        let mut nodes = Vec::new();
        for _ in 0..args.nodes {
            let engines = ["--store", &redis.url(), "--bus", &bus, "--auto-create", "1"];
            let limits = ["--max-connections", &connections, "--max-members", &members];
            let node = Process::start(&[&engines[..], &limits].concat()).await;
            crate::support::eventually(true, async || node.get("/readyz").await.contains(" 200 ")).await;
            nodes.push(node);
        }
        let (size, workers) = (args.room_size(scene.rooms), args.nodes as usize);
        let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
        let crew = Crew::start(workers, args.connections, size, &addresses);
        let ids: Vec<_> = nodes.iter().filter_map(|node| node.child.id()).collect();
        let empty = resident(&ids);
        let roles = Roles {
            nodes: ids,
            players: crew.ids(),
            redis: redis.process.id(),
            nats: nats.as_ref().map(|nats| nats.process.id()),
        };
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        Self { scene, size, cores, redis, nats, nodes, empty, available, kernel, crew, roles, grants: 0 }
    }

    async fn join(&mut self, column: &mut Column) -> Result<(), String> {
        let (before, bytes) = (self.roles.spent(), self.bytes().await);
        let joined = |report: &Report| match *report {
            Report::Joined { since, until, counts } => Some((since, until, counts)),
            _ => None,
        };
        let times = self.crew.all(Order::Join { window: WINDOW }, JOINING, joined).await?;
        let spent = self.roles.spent() - before;
        let since = times.iter().map(|times| times.0).min().unwrap_or_default();
        let until = times.iter().map(|times| times.1).max().unwrap_or_default();
        let (seconds, all) = ((until - since) as f64 / 1e6, self.players());
        column.section("Joining, and processor time of a join in microseconds");
        column.row("all have joined after, s", format!("{seconds:.1}"));
        column.row("joins a second", format!("{:.0}", all / seconds));
        column.row("bare sockets: joins a second", format!("{:.0}", self.cores * 1e6 / self.scene.floor.join));
        let counts: u64 = times.iter().map(|times| times.2).sum();
        column.row("the number of players was told so often", counts.to_string());
        column.rows(spent.text(all, 0));
        let [redis, nats] = self.since(bytes).await;
        column.row(
            "KB of Redis, of NATS, for a join",
            format!("{:.2}, {:.2}", redis / all / 1e3, nats / all / 1e3),
        );
        Ok(())
    }

    /// Memory and processor time while nobody does anything.
    async fn rest(&mut self, column: &mut Column) -> Result<(), String> {
        sleep(SETTLE).await;
        let [nodes, players] = [&self.roles.nodes, &self.roles.players].map(|ids| resident(ids));
        let (all, machine) = (self.players(), self.available - memory("MemAvailable"));
        column.section("Memory, after all have joined and nobody has selected");
        column.row("of a node, MB", format!("{:.0}", nodes / f64::from(self.scene.args.nodes) / 1e6));
        column.row("of a connection in its node, KB", format!("{:.2}", (nodes - self.empty) / all / 1e3));
        column.row("of a connection in its player, KB", format!("{:.2}", players / all / 1e3));
        let kernel = memory("SUnreclaim") - self.kernel;
        column.row("of a connection in the kernel, both ends, KB", format!("{:.2}", kernel / all / 1e3));
        column.row("of the whole machine, MB (MemAvailable)", format!("{:.0}", machine / 1e6));

        let (before, bytes, since) = (self.roles.spent(), self.bytes().await, Instant::now());
        sleep(self.scene.args.idle).await;
        let (spent, seconds) = (self.roles.spent() - before, since.elapsed().as_secs_f64());
        column.section("Idle, share of one core in %");
        // Each connection gets a ping and answers it in that time.
        let pings = 2.0 * all * self.scene.floor.delivery / 1e4 / 25.0;
        column.row("bare sockets: a ping and its answer each 25 s", format!("{pings:.1}"));
        column.rows(spent.text(seconds * 1e4, 1));
        let [redis, nats] = self.since(bytes).await;
        column.row(
            "KB a second of Redis, of NATS",
            format!("{:.0}, {:.0}", redis / seconds / 1e3, nats / seconds / 1e3),
        );
        self.crew.count(|_| true).map(drop)
    }

    /// One grant after the other, each told to everybody in its room.
    async fn tell(&mut self, column: &mut Column) -> Result<(), String> {
        let grants = if self.scene.rooms == Rooms::One { 5 } else { 500 };
        let (before, bytes, mut outcome) = (self.roles.spent(), self.bytes().await, Outcome::default());
        for number in 0..grants {
            let (room, player) = self.one_player(number, grants);
            self.grant(&[room], &[player], &mut outcome).await?;
        }
        let (spent, [redis, nats]) = (self.roles.spent() - before, self.since(bytes).await);
        let (each, size) = (f64::from(grants), f64::from(self.size));
        column.section("One grant told to all of a room: smallest, p50, p99, largest");
        column.row("grants, members of each room", format!("{grants}, {}", self.size));
        column.row("the player has the reply, ms", spread(outcome.replied));
        column.row("members on the same node know, ms", spread(outcome.same_node));
        column.row("members on other nodes know, ms", spread(outcome.other_nodes));
        column.row("the last member knows, ms", spread(outcome.known));
        let floor = size * self.scene.floor.delivery / self.cores;
        column.row("bare sockets: the last, ms", milliseconds(floor));
        column.rows(spent.text(each * 1e3, 2).map(|(label, text)| (label, text + " ms")));
        column.row("KB of Redis, of NATS", format!("{:.1}, {:.1}", redis / each / 1e3, nats / each / 1e3));
        Ok(())
    }

    /// A thousand players at once: in one room, or in ten.
    async fn race(&mut self, column: &mut Column) -> Result<(), String> {
        let (before, mut outcome) = (self.roles.spent(), Outcome::default());
        for _ in 0..RACES {
            let (rooms, players) = self.racers();
            self.grant(&rooms, &players, &mut outcome).await?;
        }
        let spent = self.roles.spent() - before;
        let hearers = if self.scene.rooms == Rooms::One { self.players() } else { f64::from(RACERS) };
        let messages = hearers + 2.0 * f64::from(RACERS);
        column.section("1,000 select at once: smallest, p50, p99, largest");
        column.row("races, units", format!("{RACES}, {}", RACERS / self.size.min(RACERS)));
        column.row("all 1,000 have their reply, ms", spread(outcome.replied));
        column.row("a member knows, ms", spread([outcome.same_node, outcome.other_nodes].concat()));
        column.row("the last member knows, ms", spread(outcome.known));
        column
            .row("bare sockets: the last, ms", milliseconds(messages * self.scene.floor.delivery / self.cores));
        column.rows(spent.text(f64::from(RACES) * 1e3, 1).map(|(label, text)| (label, text + " ms")));
        Ok(())
    }

    /// kill -9 of a node. Its players come back to others, and meanwhile grants are told to everybody else.
    async fn lose_a_node(&mut self, column: &mut Column) -> Result<(), String> {
        let losing = |report: &Report| match *report {
            Report::Losing { connections } => Some(connections),
            _ => None,
        };
        let lost = self.crew.all(Order::Lose { node: 0 }, SOON, losing).await?;
        let losers = lost.iter().filter(|&&connections| connections > 0).count();
        let lost: usize = lost.iter().sum();
        self.roles.nodes.remove(0);
        let (before, since, mut outcome, mut number) = (self.roles.spent(), now(), Outcome::default(), 0);
        let mut killed = self.nodes.remove(0);
        killed.child.start_kill().map_err(|error| error.to_string())?;
        let mut waiting = true;
        while waiting {
            let (room, player) = self.one_player(number, 500);
            number += 1;
            self.grant(&[room], &[player], &mut outcome).await?;
            if self.scene.rooms == Rooms::Hundreds {
                sleep(BREATH).await;
            }
            waiting = now() - since < JOINING.as_micros() as u64 && self.crew.count(is_back)? < losers;
        }
        let back = |report: &Report| is_back(report).then(|| report.clone());
        let back = self.crew.answers("players to come back", losers, SOON, back).await?;
        self.report_loss(column, lost, since, &back, outcome, self.roles.spent() - before);
        Ok(())
    }

    fn report_loss(
        &self,
        column: &mut Column,
        lost: usize,
        since: u64,
        back: &[Report],
        outcome: Outcome,
        spent: Spent,
    ) {
        let (mut last, mut sums, mut told) = (since, [0; 3], 0);
        for report in back {
            if let Report::Back { until, attempts, closed, refused, counts } = *report {
                last = last.max(until);
                sums = [sums[0] + attempts, sums[1] + closed, sums[2] + refused];
                told += counts;
            }
        }
        let [attempts, closed, refused] = sums;
        let others = [outcome.same_node, outcome.other_nodes].concat();
        column.section("A node is killed: smallest, p50, p99, largest");
        column.row("connections lost", lost.to_string());
        column.row("all are back after, s", format!("{:.2}", (last - since) as f64 / 1e6));
        let floor = lost as f64 * self.scene.floor.join / self.cores / 1e6;
        column.row("bare sockets: all are back after, s", format!("{floor:.2}"));
        column.row("attempts; found no node; were closed", format!("{attempts}; {refused}; {closed}"));
        column.row("the number of players was told so often", told.to_string());
        column.row("grants to others meanwhile", outcome.known.len().to_string());
        column.row("the player has the reply, ms", spread(outcome.replied));
        column.row("a member knows, ms", spread(others));
        column.row("the last member knows, ms", spread(outcome.known));
        column.rows(spent.text(1e3, 0).map(|(label, text)| (label, text + " ms")));
    }

    /// Everybody knows everything, and no node logged an error.
    async fn audit(&mut self, column: &mut Column) -> Result<(), String> {
        sleep(Duration::from_secs(2)).await;
        let audited = |report: &Report| matches!(report, Report::Audited).then_some(());
        self.crew.all(Order::Audit, SOON, audited).await?;
        let (mut metrics, mut warnings) = (String::new(), BTreeMap::<String, u32>::new());
        for node in &self.nodes {
            metrics += &crate::support::metrics(node.address).await;
            for line in node.lines() {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                let message = line["message"].as_str().unwrap_or_default();
                match line["level"].as_str() {
                    Some("ERROR") => return Err(format!("a node logged {line}")),
                    Some("WARN") => *warnings.entry(message.to_owned()).or_default() += 1,
                    _ => {}
                }
            }
        }
        let names = ["healed_readers", "gaps_repaired", "bus_dropped", "store_errors", "regressions"];
        let sums = names.map(|name| format!("{:.0}", sum(&metrics, &format!("asset_arbiter_{name}_total"))));
        column.section("All together, of the nodes that are left");
        column.row("grants, each told once to every member", self.grants.to_string());
        column.row("healed readers, gaps, drops, errors, regressions", sums.join(", "));
        let failed: BTreeSet<_> = metrics.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
        for name in failed.iter().filter(|name| name.starts_with("asset_arbiter_store_errors_total{")) {
            let count = sum(&metrics, name);
            if count > 0.0 {
                column.note(format!("{name} {count:.0}"));
            }
        }
        warnings.iter().for_each(|(message, lines)| column.note(format!("{lines} warnings: {message}")));
        Ok(())
    }

    /// Has players select a new asset, and waits until everybody in their rooms knows. Exactly one of each room wins.
    async fn grant(&mut self, rooms: &[u32], players: &[u32], outcome: &mut Outcome) -> Result<(), String> {
        self.grants += 1;
        let asset = format!("asset-{}", self.grants);
        let (tellers, members) = self.crew.watch(rooms, &asset).await?;
        let askers = self.crew.select(&asset, players).await;
        let asked = |report: &Report| if let Report::Asked { at } = *report { Some(at) } else { None };
        let asked = self.crew.answers("selects", askers, SOON, asked).await?;
        let since = asked.into_iter().min().unwrap_or_default();
        let replied = |report: &Report| match report {
            Report::Replied { granted, until } => Some((granted.clone(), *until)),
            _ => None,
        };
        let replies = self.crew.answers("replies", askers, SOON, replied).await?;
        let told = |report: &Report| match report {
            Report::Told { heard, announced } => Some((heard.clone(), announced.clone())),
            _ => None,
        };
        let told = self.crew.answers(&format!("{members} members to know"), tellers, SOON, told).await?;

        let winners: Vec<_> = replies.iter().flat_map(|reply| reply.0.clone()).collect();
        let by_room: BTreeMap<_, _> = winners.iter().copied().collect();
        if winners.len() != rooms.len() || by_room.len() != rooms.len() {
            return Err(format!("{asset}: the winners of {} rooms are {winners:?}", rooms.len()));
        }
        if told.iter().flat_map(|told| &told.1).any(|(room, winner)| by_room.get(room) != Some(winner)) {
            return Err(format!("{asset}: {winners:?} won, others were announced"));
        }
        let after = |at: u64| at.saturating_sub(since) as f64;
        let own = rooms.first().and_then(|room| by_room.get(room)).map(|winner| winner % self.scene.args.nodes);
        let heard: Vec<_> = told.into_iter().flat_map(|told| told.0).collect();
        outcome.replied.push(after(replies.iter().map(|reply| reply.1).max().unwrap_or_default()));
        outcome.known.push(after(heard.iter().map(|heard| heard.1).max().unwrap_or_default()));
        for (node, at) in heard {
            let same = Some(u32::from(node)) == own;
            if same { &mut outcome.same_node } else { &mut outcome.other_nodes }.push(after(at));
        }
        Ok(())
    }

    /// A room and a player in it who is not on the first node, which will be killed: another room and another node for
    /// each number.
    fn one_player(&self, number: u32, of: u32) -> (u32, u32) {
        let (rooms, nodes) = (self.scene.args.connections / self.size, self.scene.args.nodes);
        let room = (u64::from(number) * u64::from(rooms) / u64::from(of)) as u32 % rooms;
        let first = (room * self.size).div_ceil(nodes) * nodes;
        (room, first + 1 + number % (nodes - 1))
    }

    /// A thousand players on all nodes, and their rooms.
    fn racers(&self) -> (Vec<u32>, Vec<u32>) {
        let (all, nodes) = (self.scene.args.connections, self.scene.args.nodes);
        if self.scene.rooms == Rooms::One {
            // So that each node has as many of them.
            let stride = (1..=all / RACERS).rev().find(|&stride| are_coprime(stride, nodes)).unwrap_or(1);
            return (vec![0], (0..RACERS).map(|racer| racer * stride).collect());
        }
        let (rooms, wanted) = (all / self.size, RACERS / self.size);
        let rooms: Vec<_> =
            (0..wanted).map(|number| number * (rooms / wanted) + self.grants % (rooms / wanted)).collect();
        let players = rooms.iter().flat_map(|room| room * self.size..(room + 1) * self.size).collect();
        (rooms, players)
    }

    fn players(&self) -> f64 {
        f64::from(self.scene.args.connections)
    }

    /// Bytes in and out of Redis and of NATS so far.
    async fn bytes(&self) -> [f64; 2] {
        let field =
            |field: &str| self.redis.info(&["INFO", "stats"], field).and_then(|text| text.parse::<f64>().ok());
        let redis = ["total_net_input_bytes", "total_net_output_bytes"].into_iter().filter_map(field).sum();
        let mut nats = 0.0;
        if let Some(server) = &self.nats {
            for field in ["in_bytes", "out_bytes"] {
                nats += server.monitored("varz", field).await.unwrap_or_default() as f64;
            }
        }
        [redis, nats]
    }

    async fn since(&self, before: [f64; 2]) -> [f64; 2] {
        let after = self.bytes().await;
        [after[0] - before[0], after[1] - before[1]]
    }
}

fn is_back(report: &Report) -> bool {
    matches!(report, Report::Back { .. })
}

fn are_coprime(a: u32, b: u32) -> bool {
    if b == 0 { a == 1 } else { are_coprime(b, a % b) }
}
