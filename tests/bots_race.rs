//! Bots race on our own server: the promise holds, and where the store breaks it the verdict says so.

#![cfg(feature = "bots")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

mod conformance;
mod support;

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    bots::{self, Config, Length, Report},
    store::{MemoryStore, Store, faulty::Faults},
};
use conformance::flawed::{Flaw, Flawed};
use support::{Server, one_race};

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
