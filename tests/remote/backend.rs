//! The game's own backend hears of every grant and every end, whatever is down, and credits each once.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use asset_arbiter::{
    bots::{self, Config, Holds, Judgement, Length, Report},
    model::{AssetState, EventKind},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    receiver::{Mode, Receiver, holders},
    table::Table,
};
use crate::support::{Process, call, get, one_race, spec::joined};

const ROOM: &str = "race";

/// Below the ports that systems give to outgoing connections: no bot may take the one of a node that is down.
const PORTS: std::ops::Range<u16> = 21_000..31_000;

/// Who plays, and what happens when, from the beginning.
struct Plan {
    players: usize,
    assets: usize,
    play: Duration,
    /// Selects a second.
    rate: f64,
    hold: Duration,
    receiver_up: Duration,
    first_kill: Duration,
    store_restart: Duration,
    second_kill: Duration,
    receiver_fine: Option<Duration>,
    /// How long until everything has arrived, once the play is over.
    patience: Duration,
}

impl Plan {
    /// `LONG=1` plays longer. `pace` is 1, or less for a store that cannot bear as many decisions a second.
    fn chosen(pace: f64) -> Self {
        let hold = Duration::from_secs(1).div_f64(pace);
        let seconds = Duration::from_secs;
        if env::var_os("LONG").is_some() {
            return Self {
                players: 200,
                assets: 50,
                play: seconds(60),
                rate: 1000.0 * pace,
                hold,
                receiver_up: seconds(20),
                first_kill: seconds(10),
                store_restart: seconds(30),
                second_kill: seconds(45),
                receiver_fine: None,
                patience: seconds(300),
            };
        }
        Self {
            players: 40,
            assets: 10,
            play: seconds(7),
            rate: 400.0 * pace,
            hold,
            receiver_up: seconds(2),
            first_kill: Duration::from_millis(1500),
            store_restart: seconds(4),
            second_kill: seconds(6),
            receiver_fine: Some(seconds(9)),
            patience: seconds(60),
        }
    }

    fn race(&self, node: SocketAddr) -> Config {
        Config {
            room: ROOM.parse().unwrap(),
            players: self.players,
            assets: self.assets,
            units: 4,
            rate: self.rate,
            length: Length::Time(self.play),
            holds: Some(Holds { length: self.hold, confirm_share: 0.33, leave_share: 0.1 }),
            ..one_race(&[node])
        }
    }
}

/// An arbiter that delivers to a receiver, at a port of its own.
struct Node {
    process: Process,
    address: SocketAddr,
    flags: Vec<String>,
}

impl Node {
    async fn start(store: &str, receiver: &Receiver, more: &[&str]) -> Self {
        let own = ["--store", store, "--events", "on", "--selects-per-second", "0"];
        let flags: Vec<_> =
            own.iter().chain(more).map(|&flag| flag.to_owned()).chain(receiver.flags()).collect();
        let address = free_address();
        Self { process: launch(address, &flags).await, address, flags }
    }

    /// kill -9, and another start at the same address.
    async fn kill(&mut self) {
        self.process.child.kill().await.unwrap();
        self.process = launch(self.address, &self.flags).await;
    }
}

async fn launch(address: SocketAddr, flags: &[String]) -> Process {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Process::start_at(&address.to_string(), &flags).await
}

fn free_address() -> SocketAddr {
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], fastrand::u16(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Bots race while the receiver is down at first and then fails every third time, the node is killed twice, and the store's
/// server goes away once, as `outage` does it.
pub async fn hears_of_every_grant_and_end_once(store: &str, outage: impl AsyncFnOnce()) {
    hears_of_everything_at(1.0, store, outage).await;
}

/// The same at a slower pace.
pub async fn hears_of_everything_at(pace: f64, store: &str, outage: impl AsyncFnOnce()) {
    let plan = Plan::chosen(pace);
    let receiver = Receiver::start(Mode::Down).await;
    let mut node = Node::start(store, &receiver, &[]).await;
    let (race, begin) = (plan.race(node.address), Instant::now());
    let trouble = async {
        sleep_until(begin + plan.first_kill).await;
        node.kill().await;
        sleep_until(begin + plan.store_restart).await;
        outage().await;
        sleep_until(begin + plan.second_kill).await;
        node.kill().await;
    };
    let moods = async {
        sleep_until(begin + plan.receiver_up).await;
        receiver.set(Mode::Shaky);
        if let Some(at) = plan.receiver_fine {
            sleep_until(begin + at).await;
            receiver.set(Mode::Fine);
        }
    };
    let (report, (), ()) = tokio::join!(bots::run(race), trouble, moods);
    let report = report.unwrap();
    // A select may have no decision, if the store answers late for a minute; its event tells nevertheless what it came to.
    assert_ne!(report.verdict, Judgement::Broken, "{}", bots::text(&report));

    let since = Instant::now();
    let assets = assets(node.address).await;
    let revisions = assets.iter().map(|asset| (asset.asset.to_string(), asset.revision)).collect::<Vec<_>>();
    arrives(&receiver, &revisions, plan.patience).await;
    tell(&receiver, &report, since.elapsed());
    for (asset, revision) in &revisions {
        agrees(&receiver, node.address, asset).await;
        let events = receiver.look(|table| table.kinds(ROOM, asset).len() as u64);
        assert_eq!(events, revision + 1, "each change of {asset} is an event");
    }
    let ends = receiver.look(|table| table.count(Some(EventKind::Released)));
    assert!(ends > 0, "some holds ended");
    node.process.end().await;
}

fn tell(receiver: &Receiver, report: &Report, caught_up: Duration) {
    let of = |kind| receiver.look(|table| table.count(Some(kind)));
    let [granted, confirmed, released] =
        [EventKind::Granted, EventKind::Confirmed, EventKind::Released].map(of);
    let ((requests, refused), repeats) = (receiver.requests(), receiver.look(|table| table.repeats));
    println!(
        "{:?} in {} rounds: {granted} granted, {confirmed} confirmed, {released} released; {requests} requests, {refused} of them \
         refused; {repeats} events came again; all had arrived {caught_up:.1?} after the last round",
        report.verdict, report.rounds
    );
}

#[derive(Deserialize)]
struct Room {
    assets: Vec<AssetState>,
}

async fn assets(node: SocketAddr) -> Vec<AssetState> {
    let answer = get(node, &format!("/v1/rooms/{ROOM}")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = if head.contains("\r\ntransfer-encoding: chunked") { joined(body) } else { body.to_owned() };
    serde_json::from_str::<Room>(&body).unwrap().assets
}

/// Waits until the receiver has everything up to these revisions.
async fn arrives(receiver: &Receiver, revisions: &[(String, u64)], patience: Duration) {
    let since = Instant::now();
    loop {
        receiver.look(Table::assert_faultless);
        let missing = receiver.look(|table| {
            let has = |(asset, revision): &&(String, u64)| table.revision(ROOM, asset) == Some(*revision);
            revisions.iter().filter(|one| !has(one)).count()
        });
        if missing == 0 {
            return;
        }
        let counts = receiver.requests();
        assert!(
            since.elapsed() < patience,
            "{missing} assets lack events after {counts:?} requests and refusals"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

async fn agrees(receiver: &Receiver, node: SocketAddr, asset: &str) {
    let holders = holders(node, ROOM, asset).await.unwrap();
    receiver.look(|table| table.agrees(ROOM, asset, &holders)).unwrap();
}

/// The events that an asset keeps at most.
const BACKLOG: usize = 10;

/// While the receiver is down, more happens than is kept: the rest is told by one merged event of each asset, and the
/// receiver is right again once it has read the holders.
pub async fn is_right_again_after_more_events_than_are_kept(store: &str) {
    let receiver = Receiver::start(Mode::Fine).await;
    let node = Node::start(store, &receiver, &["--events-backlog", &BACKLOG.to_string()]).await;
    receiver.ask(node.address);
    let names = ["axe", "bow", "sword"];
    let act = async |asset: &str, verb: &str, player: usize| {
        let path = format!("/v1/rooms/{ROOM}/assets/{asset}/{verb}");
        let answer = call(node.address, "POST", &path, &format!(r#"{{"player":"p-{player}"}}"#)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let everywhere = |revision: u64| names.map(|asset| (asset.to_owned(), revision));
    for asset in names {
        let path = format!("/v1/rooms/{ROOM}/assets/{asset}");
        let answer = call(node.address, "PUT", &path, r#"{"units":50,"hold_ms":600000}"#).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        act(asset, "select", 0).await;
        act(asset, "confirm", 0).await;
        act(asset, "select", 1).await;
        act(asset, "confirm", 1).await;
    }
    arrives(&receiver, &everywhere(4), Duration::from_secs(20)).await;

    receiver.set(Mode::Down);
    for asset in names {
        act(asset, "release", 0).await;
        for player in 2..12 {
            act(asset, "select", player).await;
        }
        for player in 2..7 {
            act(asset, "confirm", player).await;
        }
        for player in 5..9 {
            act(asset, "release", player).await;
        }
    }
    receiver.set(Mode::Fine);
    let played = everywhere(4 + 1 + 10 + 5 + 4);
    arrives(&receiver, &played, Duration::from_secs(40)).await;
    for (asset, _) in &played {
        let kinds = receiver.look(|table| table.kinds(ROOM, asset));
        let merged = kinds.iter().filter(|kind| **kind == EventKind::Compacted).count();
        // Without a merge 25 would have come. DynamoDB merges when events are read, so one of a change since may come besides.
        assert!(merged == 1 && (5 + BACKLOG..=6 + BACKLOG).contains(&kinds.len()), "{asset}: {kinds:?}");
        agrees(&receiver, node.address, asset).await;
    }
    node.process.end().await;
}
