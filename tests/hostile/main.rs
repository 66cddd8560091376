//! Hostile clients beside two hundred honest players: what each kind costs the server and the players, what it is
//! answered, and that the players' verdicts stand. Prints tables; times are only printed, because machines differ.
//!
//! `LONG=1 cargo test --release --test hostile -- --nocapture --test-threads 1` plays longer, with 20,000 connections of
//! one address, 1,000 half-open handshakes and a million names of rooms.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod floods;
mod ground;
mod honest;
mod kinds;
mod size;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod wire;

use std::future::pending;

use ground::{Cost, Ground};
use kinds::{Hostile, Kind};
use size::Size;
use tally::Tally;
use tokio::task::spawn_local;

/// Clients of each kind.
const CLIENTS: u8 = 10;
/// Megabytes that all of them together may take.
const MOST_MEMORY: f64 = 200.0;

/// Ten clients of each of these kinds.
async fn play(ground: &Ground, size: Size, kinds: &[Kind]) -> (Cost, Tally) {
    let (tally, server) = (Tally::default(), ground.address());
    let clients = kinds.iter().flat_map(|&kind| (0..CLIENTS).map(move |number| (kind, number)));
    let hostile = clients.map(|(kind, number)| Hostile { kind, number, server, tally: tally.clone() });
    let hostile: Vec<_> = hostile.collect();
    let scene = move || async move {
        hostile.into_iter().for_each(|hostile| drop(spawn_local(hostile.go_on())));
        pending().await
    };
    (ground.scene(size.scene, scene).await, tally)
}

/// The server answers a kind as it is documented to, and nothing else.
fn check(kind: Kind, tally: &Tally) {
    let (answers, told) = (kind.answers(), tally.of(kind));
    assert!(told.keys().all(|answer| answers.contains(&&**answer)), "{kind:?}: {told:?}");
}

#[tokio::test]
async fn hostile_clients_of_all_kinds_harm_nobody() {
    let size = Size::of_this_run();
    let ground = Ground::start(&[], size.assets, size.scene).await;
    println!("{}", Cost::HEAD);
    let (nobody, _) = play(&ground, size, &[]).await;
    nobody.print("nobody", "");
    for kind in Kind::ALL {
        let (cost, tally) = play(&ground, size, &[kind]).await;
        cost.print(&format!("{kind:?}"), &tally);
        check(kind, &tally);
        let answer = kind.answers()[0];
        assert!(tally.of(kind).contains_key(answer), "{kind:?} is never told {answer}: {tally}");
        assert!(cost.grown < MOST_MEMORY, "{kind:?}: {} MB", cost.grown);
    }
    let (cost, tally) = play(&ground, size, &Kind::ALL).await;
    cost.print("all", &tally);
    Kind::ALL.iter().for_each(|&kind| check(kind, &tally));
    assert!(cost.grown < MOST_MEMORY, "{} MB", cost.grown);
    let rounds = ground.end().await;
    println!("{rounds} rounds in each of ten rooms, each with one winner of whom all were told once");
}
