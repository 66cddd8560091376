//! The command `bots` against a server that verifies player tokens.

#![cfg(feature = "bots")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::{Value, json};
use support::{Process, soon};
use tempfile::TempDir;
use tokio::process::Command;

const ADMIN_KEY: (&str, &str) = ("ASSET_ARBITER_ADMIN_KEY", "operator");
const PLAYERS: u64 = 20;

async fn run(args: &[&str]) -> Output {
    let mut command = Command::new(Process::program());
    command.args(args).env(ADMIN_KEY.0, ADMIN_KEY.1).kill_on_drop(true);
    soon("its end", command.output()).await.unwrap()
}

/// Makes a key and returns its prefix.
async fn new_key(folder: &Path, name: &str) -> PathBuf {
    let prefix = folder.join(name);
    assert!(run(&["keygen", prefix.to_str().unwrap()]).await.status.success());
    prefix
}

/// A server that knows a key by the id `game`, and the flag that signs with it.
async fn server(folder: &TempDir) -> (Process, String) {
    let key = new_key(folder.path(), "game").await;
    let public = format!("game={}.public.pem", key.display());
    let server = Process::start_with_env(&["--token-key", &public], &[ADMIN_KEY]).await;
    (server, format!("game={}.private.pem", key.display()))
}

async fn bots(server: &Process, more: &[&str]) -> Output {
    let (url, players) = (format!("ws://{}", server.address), PLAYERS.to_string());
    let args = ["bots", "--json", "--url", &url, "--assets", "5", "--players", &players];
    run(&[&args[..], more].concat()).await
}

/// The report of a race that held.
async fn held(server: &Process, more: &[&str]) -> Value {
    let Output { status, stdout, stderr } = bots(server, more).await;
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stdout));
    serde_json::from_slice(&stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_three_seconds_are_replaced_in_band_life_after_life() {
    let folder = TempDir::new().unwrap();
    let (server, key) = server(&folder).await;
    let report =
        held(&server, &["--token-key", &key, "--token-ttl", "3s", "--duration", "9s", "--rate", "100"]).await;
    assert_eq!(report["verdict"], "held");
    // A token is replaced 2.4 s after it was signed, or sooner.
    let refreshes = report["refreshes"].as_u64().unwrap();
    assert!(refreshes >= PLAYERS * 3, "{refreshes}");
    assert_eq!((&report["reconnects"]["total"], &report["errors"]), (&json!(0), &json!({})));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reconnect_shows_a_new_token() {
    let folder = TempDir::new().unwrap();
    let (server, key) = server(&folder).await;
    let report = held(&server, &["--token-key", &key, "--reconnect-chaos", "0.3"]).await;
    let reconnects = &report["reconnects"];
    assert!(reconnects["cuts"].as_u64().unwrap() > 5 && reconnects["total"] == reconnects["cuts"], "{report}");
    assert_eq!((&report["refreshes"], &report["errors"]), (&json!(0), &json!({})));
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_key_the_bots_end_at_once_and_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    let (server, _) = server(&folder).await;
    let other = new_key(folder.path(), "other").await;
    let [by_id, by_key] = ["other", "game"].map(|id| format!("{id}={}.private.pem", other.display()));
    let mut closed = 0;
    for more in [&[][..], &["--token-key", &by_id], &["--token-key", &by_key]] {
        let Output { status, stderr, .. } = bots(&server, more).await;
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("closed with 4001 (unauthorized") && said.contains("--token-key"), "{said}");
        let closes = server.metric("asset_arbiter_closes_total{code=\"4001\"}").await;
        assert!((closed + 1..=closed + PLAYERS).contains(&closes), "each bot tried once at most: {closes}");
        closed = closes;
    }
    server.end().await;
}
