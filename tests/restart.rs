//! A server on a durable store is killed in mid-race, again and again: nothing it told anyone is lost.

#![cfg(all(feature = "bots", feature = "sqlite"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use asset_arbiter::bots::{self, Config, Report};
use support::{Process, eventually, one_race};
use tokio::time::sleep;

/// How often; `KILL_ROUNDS` says how often instead.
const ROUNDS: u64 = 10;

fn rounds() -> u64 {
    std::env::var("KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

const PLAYERS: usize = 500;

async fn start(address: SocketAddr, file: &Path) -> Process {
    let store = format!("sqlite:{}", file.display());
    Process::start_at(&address.to_string(), &["--store", &store]).await
}

async fn race(address: SocketAddr, room: &str, seed: u64) -> Report {
    let room = room.parse().unwrap();
    let config = Config { room, players: PLAYERS, assets: 6, units: 7, seed, ..one_race(&[address]) };
    bots::run(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_mid_race_again_and_again_no_answered_grant_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("game.db");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = start(address, &file).await;
    let mut undisturbed = Duration::MAX;
    // The first race takes longer than those after it.
    for room in ["warm-up", "measured"] {
        let since = Instant::now();
        assert!(race(address, room, 0).await.held());
        undisturbed = undisturbed.min(since.elapsed());
    }
    let mut in_mid_race = 0;
    let rounds = rounds();
    for round in 0..rounds {
        let room = format!("round-{round}");
        let killing = async {
            // Each round is killed at another point of its race.
            sleep(undisturbed.mul_f64((round + 1) as f64 / (rounds + 2) as f64)).await;
            server.child.kill().await.unwrap();
            server = start(address, &file).await;
        };
        let (report, ()) = tokio::join!(race(address, &room, round), killing);
        assert!(report.held(), "round {round}:\n{}", bots::text(&report));
        in_mid_race += u64::from(report.reconnects.total > 0);
        let again = race(address, &room, round).await;
        assert!(again.held(), "round {round}, again:\n{}", bots::text(&again));
        assert_eq!(again.decisions.granted, 0, "everything was taken, and still is");
    }
    assert!(in_mid_race >= rounds / 2, "only {in_mid_race} of {rounds} kills met a race");
}

/// The status line of an answer to `GET /readyz`.
async fn readiness(server: &Process) -> String {
    server.get("/readyz").await.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_deleted_under_the_server_is_logged_and_makes_it_unready() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("game.db");
    let server = start("127.0.0.1:0".parse().unwrap(), &file).await;
    eventually("HTTP/1.1 200 OK".to_owned(), || readiness(&server)).await;
    std::fs::remove_file(&file).unwrap();
    eventually("HTTP/1.1 503 Service Unavailable".to_owned(), || readiness(&server)).await;
    server.will_log("game.db is gone: it was deleted or moved away").await;
}
