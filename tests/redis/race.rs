//! The whole of it: the binary on real servers, its own bots against it, and masters that die in mid-race.

use std::{collections::BTreeSet, sync::Arc};

use asset_arbiter::store::Store;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    conformance::ground::room,
    engines::{
        cluster::Cluster,
        eventually,
        redis::{self, Server},
    },
    ground::servers,
    remote::{
        race::{
            Bots, GRANTED, Judgement, REGRESSIONS, ROOM, holds_on, holds_over_a_bus, holds_with_ends_on,
            holds_with_ends_on_three_nodes,
        },
        store,
    },
    support::{Client, Process, RoomView, holders},
};

#[tokio::test]
async fn the_promise_holds_on_a_server_of_every_kind() {
    for server in servers() {
        holds_on(&server.url()).await;
    }
}

#[tokio::test]
async fn the_promise_holds_while_holds_end() {
    for server in servers() {
        holds_with_ends_on(&server.url()).await;
    }
}

#[tokio::test]
async fn the_promise_holds_while_holds_end_and_one_of_three_nodes_is_killed() {
    for server in servers() {
        holds_with_ends_on_three_nodes(&server.url(), &server.url()).await;
    }
}

#[tokio::test]
async fn the_promise_holds_on_a_cluster() {
    let Some(engine) = redis::redis() else { return };
    holds_on(&Cluster::start(&engine, 3, 0).await.url()).await;
}

#[tokio::test]
async fn the_promise_holds_on_two_nodes_that_hear_each_other() {
    for server in servers() {
        holds_over_a_bus(&server.url(), &server.url()).await;
    }
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 3, 0).await;
    holds_over_a_bus(&cluster.url(), &cluster.url()).await;
}

/// Nobody looks whether the replica has what was told: either it has, or the loss is noticed.
#[tokio::test]
async fn a_master_that_dies_in_mid_race_loses_nothing_or_it_is_noticed() {
    let Some(engine) = redis::redis() else { return };
    let mut race = Race::start(Cluster::start(&engine, 3, 1).await, "").await;
    race.master().process.kill();
    race.replica_takes_over().await;
    let Judged { verdict, regressions, .. } = race.judged().await;
    assert_eq!(verdict.held(), regressions == 0, "{regressions} noticed, {:?}", verdict.report);
    assert_eq!(more_than_lost_writes(&verdict), BTreeSet::new());
}

#[tokio::test]
async fn what_a_failover_loses_in_mid_race_is_noticed_counted_logged_and_repaired() {
    let Some(engine) = redis::redis() else { return };
    let mut race = Race::start(Cluster::start(&engine, 3, 1).await, "").await;
    race.cut_off_the_replica().await;
    race.grants(20).await;
    race.master().process.kill();
    race.replica().process.resume();
    race.replica_takes_over().await;
    let Judged { verdict, regressions, logged } = race.judged().await;
    assert_eq!((regressions, logged), (1, true));
    assert_eq!((verdict.code, more_than_lost_writes(&verdict)), (Some(3), BTreeSet::new()));
}

/// The same, but nobody is told what the replica does not have.
#[tokio::test]
async fn with_replicas_waited_for_no_answered_grant_is_lost() {
    let Some(engine) = redis::redis() else { return };
    let mut race = Race::start(Cluster::start(&engine, 3, 1).await, "?wait=1&wait_timeout_ms=100").await;
    race.cut_off_the_replica().await;
    race.counts(NOT_REPLICATED, 10).await;
    race.master().process.kill();
    race.replica().process.resume();
    race.replica_takes_over().await;
    // It is a replica now, and waited for.
    race.master().restart();
    let Judged { verdict, regressions, logged } = race.judged().await;
    assert!(verdict.held(), "{:?}", verdict.report);
    assert_eq!((regressions, logged), (0, false));
}

/// A race on a cluster of which each master has a replica, while it goes on.
struct Race {
    cluster: Cluster,
    /// The master that has the room.
    dying: usize,
    truth: Arc<dyn Store>,
    node: Process,
    onlookers: Onlookers,
    bots: Bots,
}

/// What came of it.
struct Judged {
    verdict: Judgement,
    /// How often the node noticed that the store went back, and whether it logged it.
    regressions: u64,
    logged: bool,
}

const NOT_REPLICATED: &str = r#"asset_arbiter_store_errors_total{call="select",kind="not_replicated"}"#;
const PLAYERS: usize = 40;
const ASSETS: usize = 30;
/// As many as are listed in a snapshot at most.
const UNITS: usize = 30;
/// Long enough that what is done to it is done in its middle.
const SELECTS_A_SECOND: usize = 300;

impl Race {
    async fn start(cluster: Cluster, options: &str) -> Self {
        let truth = store(&cluster.url()).await;
        let node = Process::start(&["--store", &format!("{}{options}", cluster.url())]).await;
        let onlookers = Onlookers::join(&node).await;
        let numbers = [PLAYERS, ASSETS, UNITS, SELECTS_A_SECOND].map(|number| number.to_string());
        let [players, assets, units, rate] = numbers.each_ref().map(String::as_str);
        let bots = ["--players", players, "--assets", assets, "--units", units, "--rate", rate];
        let dying = cluster.master_of(ROOM);
        cluster.masters[dying].is_followed(ROOM).await;
        let bots = Bots::start(std::slice::from_ref(&node), &bots);
        let race = Self { cluster, dying, truth, node, onlookers, bots };
        race.grants(100).await;
        race
    }

    fn master(&mut self) -> &mut Server {
        &mut self.cluster.masters[self.dying]
    }

    fn replica(&self) -> &Server {
        &self.cluster.replicas[self.dying]
    }

    /// Waits until so many more selects were granted.
    async fn grants(&self, more: u64) {
        self.counts(GRANTED, more).await;
        let so_far = self.node.metric(GRANTED).await;
        assert!(so_far < (ASSETS * UNITS) as u64, "the race is still on");
    }

    /// Waits until a counter has grown by so much.
    async fn counts(&self, counter: &str, more: u64) {
        let before = self.node.metric(counter).await;
        let grown = async || (self.node.metric(counter).await >= before + more).then_some(());
        eventually(counter, grown).await;
    }

    /// It has what was written so far, and from now on it gets no more but what is in its socket already.
    async fn cut_off_the_replica(&mut self) {
        self.master().is_followed(ROOM).await;
        self.replica().process.pause();
        self.master().ask::<()>(&["CLIENT", "KILL", "TYPE", "replica"]);
    }

    async fn replica_takes_over(&self) {
        self.replica().wait_for(&["INFO", "replication"], "role", "master").await;
    }

    /// Waits for the race's end and for everyone to know what the store has, which adds up whatever was lost.
    async fn judged(self) -> Judged {
        let verdict = self.bots.verdict().await;
        self.onlookers.agree_with(&self.truth).await;
        for asset in self.truth.snapshot(&room(ROOM)).await.unwrap() {
            assert_eq!(asset.units.checked_sub(asset.held), Some(asset.remaining), "{asset:?}");
        }
        let regressions = self.node.metric(REGRESSIONS).await;
        Judged { verdict, regressions, logged: self.node.has_logged("the store went back") }
    }
}

/// What is wrong beyond what has to be when something that was told is not stored any more: a unit may go to another
/// player under the same revision, and one that nobody asks for again stays.
fn more_than_lost_writes(verdict: &Judgement) -> BTreeSet<&str> {
    let expected =
        ["told_not_stored", "told_otherwise", "answered_not_stored", "answered_otherwise", "too_few_holders"];
    let shown = verdict.report["violations"]["shown"].as_array().unwrap();
    let kinds = shown.iter().map(|violation| violation["kind"].as_str().unwrap());
    kinds.filter(|kind| !expected.contains(kind)).collect()
}

/// Clients that only look on, from before the race to its end.
struct Onlookers(Vec<(Arc<Mutex<RoomView>>, JoinHandle<()>)>);

impl Onlookers {
    async fn join(node: &Process) -> Self {
        let mut onlookers = Vec::new();
        for _ in 0..3 {
            let client = Client::join(node.address, &format!("{ROOM}/ws")).await;
            let view = Arc::new(Mutex::new(RoomView::new(&client.welcome)));
            onlookers.push((Arc::clone(&view), tokio::spawn(look_on(client, view))));
        }
        Self(onlookers)
    }

    /// Waits until each knows of every asset what the store has, who holds it included.
    async fn agree_with(&self, truth: &Arc<dyn Store>) {
        let agreed = async || {
            let stored = truth.snapshot(&room(ROOM)).await.ok()?;
            let stored = holders(&stored);
            self.0.iter().all(|(view, _)| view.lock().holders == stored).then_some(())
        };
        eventually("every client to know what the store has", agreed).await;
        assert!(self.0.iter().all(|(_, task)| !task.is_finished()), "nobody saw a rule broken");
    }
}

impl Drop for Onlookers {
    fn drop(&mut self) {
        self.0.iter().for_each(|(_, task)| task.abort());
    }
}

async fn look_on(mut client: Client, view: Arc<Mutex<RoomView>>) {
    loop {
        let message = client.hear().await;
        view.lock().follow(&message);
    }
}
