//! Bots race on our own server: the promise holds, and where the store breaks it the verdict says so.

#![cfg(feature = "bots")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

mod conformance;
#[path = "bots/schema.rs"]
mod schema;
mod support;

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    bots::{self, Config, HoldCounts, Holds, Length, Report, Shown, Violation},
    store::{MemoryStore, Store, faulty::Faults},
};
use conformance::flawed::{Flaw, Flawed};
use support::{Process, Server, one_race};

async fn race(server: &Server, change: impl FnOnce(&mut Config)) -> Report {
    let mut config = Config { length: Length::Rounds(2), ..one_race(&[server.address]) };
    change(&mut config);
    bots::run(config).await.unwrap()
}

fn assert_held(report: &Report) {
    assert!(report.held(), "{}", bots::text(report));
    assert_eq!((report.exit_code(), report.decisions.total), (0, 1200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds() {
    let server = Server::start().await;
    let report = race(&server, |_| {}).await;
    assert_held(&report);
    assert_eq!((report.decisions.granted, report.deliveries), (60, 3600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_while_connections_are_cut() {
    assert_held(&race(&Server::start().await, |config| config.reconnect_chaos = 0.2).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_over_a_store_that_loses_delays_and_repeats() {
    let server = Server::start().await;
    server.store.set_faults(Faults { max_lateness: Duration::from_millis(50), ..Faults::rough() });
    assert_held(&race(&server, |config| config.reconnect_chaos = 0.05).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_run_in_the_same_room_is_counted_in() {
    let server = Server::start().await;
    assert_held(&race(&server, |config| config.players = 60).await);
    let again = race(&server, |_| {}).await;
    assert!(again.held(), "{}", bots::text(&again));
    assert_eq!((again.decisions.granted, again.decisions.already_held), (0, 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_store_awards_too_often_is_found_out() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(None));
    let oversells: Arc<dyn Store> = Arc::new(Flawed::new(memory, Flaw::Oversells));
    let server = Server::with(|setup| setup.inner = Some(oversells)).await;
    let report = race(&server, |_| {}).await;
    assert!(!report.held());
    assert_eq!(report.exit_code(), 3, "{}", bots::text(&report));
}

/// Holds of 300 ms, of which a third is confirmed; a fifth of the winners leaves.
const HOLDS: Holds = Holds { length: Duration::from_millis(300), confirm_share: 0.33, leave_share: 0.2 };

/// Two rounds of 100 bots and 10 assets with holds. The selects take a second, so that units that come back are granted
/// again.
fn with_holds(config: &mut Config) {
    *config = Config { players: 100, holds: Some(HOLDS), rate: 1000.0, ..config.clone() };
}

/// The promise holds while holds end, without and with cuts, on the binary with this store.
async fn assert_held_with_holds(store: &str) {
    let server = Process::start(&["--store", store]).await;
    for (room, reconnect_chaos) in [("steady", 0.0), ("cut", 0.1)] {
        let mut config = Config { length: Length::Rounds(2), ..one_race(&[server.address]) };
        with_holds(&mut config);
        let report =
            bots::run(Config { room: room.parse().unwrap(), reconnect_chaos, ..config }).await.unwrap();
        assert!(report.held(), "{}", bots::text(&report));
        let HoldCounts { confirmed, expired, left, abandoned, .. } = report.holds.clone().unwrap();
        let decisions = &report.decisions;
        assert_eq!(decisions.total + abandoned, 2 * 100 * 10, "{}", bots::text(&report));
        // A grant whose reply was cut may have expired before the select was repeated.
        assert!(confirmed + expired >= decisions.granted, "every grant is confirmed or expires");
        assert!(confirmed > 0 && expired > confirmed && left > 0 && abandoned > 0, "{}", bots::text(&report));
        assert!(decisions.granted > 2 * 10 * 3, "units that come back are granted again");
        assert_eq!(schema::undocumented(&report), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_while_holds_end() {
    assert_held_with_holds("memory:").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_while_holds_end_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_held_with_holds(&format!("sqlite:{}", folder.path().join("game.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_awards_too_often_is_found_out_among_ends() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(None));
    let oversells: Arc<dyn Store> = Arc::new(Flawed::new(memory, Flaw::Oversells));
    let server = Server::with(|setup| setup.inner = Some(oversells)).await;
    let report = race(&server, with_holds).await;
    // Either may fill the list of those that are shown.
    let otherwise = |shown: &Shown| {
        matches!(shown.violation, Violation::AnsweredOtherwise { .. } | Violation::ToldOtherwise { .. })
    };
    assert!(report.violations.shown.iter().any(otherwise), "{}", bots::text(&report));
    assert_eq!(report.exit_code(), 3);
}
