//! What every store passes, but for what a cache cannot do; also behind faults made up and of the cache.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use asset_arbiter::store::faulty::Faults;
use futures::{StreamExt, stream};

use crate::{
    conformance::{promise_under_faults, seeds},
    engines::momento::Momento,
    ground::momento,
    linearizability::{
        histories_in_real_time, histories_with_deadlines_in_real_time, judged,
        plan::Pace,
        report,
        run::{Ends, Through},
        schedules_in_real_time,
    },
    remote::{
        RACES, SEEDS,
        contract::{keeps_the_contract, revocations_outlast_their_node},
        patient,
        race::{holds_on, holds_on_two_nodes, holds_with_ends_on},
        store,
    },
};

/// What runs here runs in a debug build of two ends of HTTP/2, at more than a millisecond for each request.
const FEW: u64 = 60;

/// As many at once as two cores have time for, with the fake beside them.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn momento_keeps_the_contract() {
    let Some(momento) = momento().await else { return };
    keeps_the_contract(&store(&momento.url()).await, RACES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_momento_are_linearizable() {
    let Some(momento) = momento().await else { return };
    let store = store(&momento.url()).await;
    histories_in_real_time(|| Arc::clone(&store), seeds(SEEDS), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_on_momento_end_as_if_one_thing_happened_after_the_other() {
    let Some(momento) = momento().await else { return };
    let store = store(&momento.url()).await;
    histories_with_deadlines_in_real_time(Ends::Apart, || Arc::clone(&store), seeds(SEEDS / 5), AT_ONCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_momento_keep_every_promise() {
    let Some(momento) = momento().await else { return };
    let store = store(&momento.url()).await;
    schedules_in_real_time(|| Arc::clone(&store), seeds(SEEDS), AT_ONCE).await;
}

/// Requests are broken off, delayed, doubled and refused now and then; the promise holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_is_kept_over_a_rough_cache() {
    if momento().await.is_none() {
        return;
    }
    for seed in seeds(20) {
        let momento = Momento::start().await;
        let store = patient(&momento.url()).await;
        let make = || Arc::clone(&store);
        momento.be_rough(seed);
        promise_under_faults(make, Faults::default(), seed..seed + 1).await;
        assert!(momento.met() > 0, "seed {seed} had no faults");
        momento.settled().await;
    }
}

/// Each has a cache of its own, which is rough; nothing else goes wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_rough_cache_histories_and_schedules_are_right() {
    if momento().await.is_none() {
        return;
    }
    for through in [Through::Store, Through::Deadlines(Ends::Apart), Through::Arbiter] {
        let faults = AtomicUsize::new(0);
        let race = async |seed| {
            let momento = Momento::start().await;
            let store = patient(&momento.url()).await;
            momento.be_rough(seed);
            let raced = tokio::spawn(through.race(store, seed, Pace::ROUGH_WIRE)).await.unwrap();
            momento.settled().await;
            faults.fetch_add(momento.met(), Relaxed);
            raced
        };
        let met = report(through, judged(stream::iter(seeds(FEW)).map(race).buffer_unordered(AT_ONCE)).await);
        let faults = faults.into_inner() as u64;
        assert!(faults > met.schedules || met.schedules < FEW, "{faults} faults of the cache");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_on_momento() {
    let Some(momento) = momento().await else { return };
    holds_on(&momento.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_while_holds_end() {
    let Some(momento) = momento().await else { return };
    holds_with_ends_on(&momento.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_on_two_nodes() {
    let Some(momento) = momento().await else { return };
    holds_on_two_nodes(&momento.url()).await;
}

#[tokio::test]
async fn revocations_outlast_their_node_on_momento() {
    let Some(momento) = momento().await else { return };
    revocations_outlast_their_node(&momento.url()).await;
}
