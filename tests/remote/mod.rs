//! What every store on a real server is put through, whatever server it is: the contract, histories, schedules, races of
//! bots. A driver's own tests bring the server and what is special about it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

pub mod backend;
pub mod clocks;
pub mod contract;
pub mod earlier;
pub mod emptied;
pub mod encrypted;
pub mod expiry;
pub mod histories;
pub mod killed_holds;
pub mod network;
pub mod opening;
pub mod operator;
pub mod outages;
pub mod outbox;
pub mod patient;
pub mod race;
pub mod receiver;
pub mod table;
pub mod traffic;

use std::{sync::Arc, time::Duration};

use asset_arbiter::store::{Options, Store, open};

use self::patient::Patient;
use crate::engines::eventually;

pub const FOR_EVER: Options = Options { room_ttl: None, max_assets: None, events_backlog: None, history: None };

/// Histories and fault schedules on each engine.
pub const SEEDS: u64 = 300;

/// Races under faults on each engine: those take a second of it each. `SEEDS=300` asks for as many.
pub const RACES: u64 = 30;

/// What is quick.
pub const AT_ONCE: Duration = Duration::from_millis(500);

/// Opens a store and waits until it answers.
pub async fn store(url: &str) -> Arc<dyn Store> {
    store_with(url, FOR_EVER).await
}

pub async fn store_with(url: &str, options: Options) -> Arc<dyn Store> {
    let store = open(url, options).unwrap();
    eventually("the store to answer", async || store.ping().await.ok()).await;
    store
}

/// A store whose rooms go when nobody uses them for so long.
pub async fn expiring(url: &str, ttl: Duration) -> Arc<dyn Store> {
    store_with(url, Options { room_ttl: Some(ttl), max_assets: None, events_backlog: None, history: None })
        .await
}

/// The same as [`store`] for callers that cannot bear a server that is away for a second.
pub async fn patient(url: &str) -> Arc<dyn Store> {
    Arc::new(Patient(store(url).await))
}

pub async fn patient_with_events(url: &str) -> Arc<dyn Store> {
    Arc::new(Patient(outbox::with_events(url).await))
}
