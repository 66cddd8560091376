//! What keeping events costs on each store, on the servers that the tests use: 1,000 grants, each alone, without events and
//! with them, and their acknowledgement without a history and with one. Prints the time of each, and the processor time of the
//! whole machine, server and node together, for each: the least of three runs.
//!
//! `cargo bench --features full --bench events`; `ARBITER_TEST_ENGINES=redis,mariadb` selects engines.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

#[path = "../tests/engines/mod.rs"]
mod engines;
mod usage;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use asset_arbiter::{
    model::{Millis, NewAsset, PlayerName, RoomName},
    store::{AssetKey, Call, HistoryLimits, NodeId, Options, Store, Taker, open},
};
use usage::machine;

const RUNS: usize = 3;
const ASSETS: usize = 10;
const UNITS: u32 = 100;
const GRANTS: usize = ASSETS * UNITS as usize;
/// Events taken at once.
const PAGE: usize = 100;
const OFF: Options = Options { room_ttl: None, max_assets: None, events_backlog: None, history: None };
const ON: Options = Options { events_backlog: Some(10_000), ..OFF };
const WITH_HISTORY: Options =
    Options { history: Some(HistoryLimits { age: Duration::from_secs(86_400), events: 10_000 }), ..ON };

/// Microseconds for each grant or event.
#[derive(Clone, Copy)]
struct Cost {
    time: f64,
    processor: f64,
}

#[tokio::main]
async fn main() {
    println!(
        "{:<16}{:>26}{:>26}{:>26}{:>26}",
        "", "a grant", "with events", "acknowledged", "into the history"
    );
    on("memory", "memory:").await;
    let folder = tempfile::tempdir().unwrap();
    on("sqlite", &format!("sqlite:{}", folder.path().join("game.db").display())).await;
    for engine in engines::redis::all() {
        on(engine.name, &engine.start().url()).await;
    }
    for engine in engines::dynamodb::all() {
        on(engine.name, &engine.start().await.url()).await;
    }
    if let Some(engine) = engines::mongodb::ferretdb() {
        on("ferretdb", &engine.start().url()).await;
    }
    for engine in engines::mysql::all() {
        on(engine.name, &engine.start().await.url()).await;
    }
}

async fn on(engine: &str, url: &str) {
    let mut least = [Cost { time: f64::MAX, processor: f64::MAX }; 4];
    for _ in 0..RUNS {
        let [grant, _] = run(url, OFF).await;
        let [kept, acknowledged] = run(url, ON).await;
        let [_, into_history] = run(url, WITH_HISTORY).await;
        for (least, cost) in least.iter_mut().zip([grant, kept, acknowledged, into_history]) {
            *least = Cost { time: least.time.min(cost.time), processor: least.processor.min(cost.processor) };
        }
    }
    let cells = least.map(|Cost { time, processor }| format!("{time:.0} us, {processor:.0} us busy"));
    println!("{engine:<16}{:>26}{:>26}{:>26}{:>26}", cells[0], cells[1], cells[2], cells[3]);
}

/// The cost of a grant, and of acknowledging its event, which is not a number where the store keeps none.
async fn run(url: &str, options: Options) -> [Cost; 2] {
    let store = open(url, options).unwrap();
    engines::eventually("the store to answer", async || store.ping().await.ok()).await;
    let room = RoomName::parse(&format!("bench-{:x}", fastrand::u64(..))).unwrap();
    let (node, mut seq) = (NodeId(fastrand::u64(..)), 0);
    let mut call = || {
        seq += 1;
        Call { node, seq, at: now(), by: None }
    };
    let keys: Vec<_> =
        (0..ASSETS).map(|n| AssetKey::new(&room, &format!("asset-{n}").parse().unwrap())).collect();
    for key in &keys {
        store.create(call(), key, &NewAsset::plain(UNITS)).await.unwrap();
    }
    let granted = async || {
        for n in 0..GRANTS {
            let player = PlayerName::parse(&format!("player-{n}")).unwrap();
            store.select(call(), &keys[n % ASSETS], &[player], None).await.unwrap();
        }
        GRANTS
    };
    let costs = [measured(granted).await, measured(async || acknowledge_all(&store, &room).await).await];
    store.remove_room(&room).await.unwrap();
    acknowledge_all(&store, &room).await;
    costs
}

/// Returns how many there were.
async fn acknowledge_all(store: &Arc<dyn Store>, room: &RoomName) -> usize {
    let (id, mut all) = (fastrand::u64(..), 0);
    loop {
        let taker = Taker { id, now: now(), until: now() + 60_000 };
        let events = store.take_events(room, taker, PAGE).await.unwrap();
        if events.is_empty() {
            return all;
        }
        let ids: Vec<_> = events.iter().map(|(asset, event)| event.id(room, asset)).collect();
        store.acknowledge(room, &ids, now()).await.unwrap();
        all += ids.len();
    }
}

async fn measured(work: impl AsyncFnOnce() -> usize) -> Cost {
    let (busy, since) = (machine(), Instant::now());
    let count = work().await as f64;
    Cost { time: since.elapsed().as_secs_f64() * 1e6 / count, processor: (machine() - busy) / count }
}

fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as Millis
}
