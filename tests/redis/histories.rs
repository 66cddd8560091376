//! On real servers, too, the answers are those of one asset to which one thing happened after the other.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures::{StreamExt, stream};

use crate::{
    conformance::seeds,
    engines::{proxy::Proxy, redis},
    ground::{FEW, engines, share_of},
    linearizability::{
        judged,
        plan::Pace,
        report,
        run::{Ends, Through},
    },
    remote::{
        histories::{self, are_linearizable, with_deadlines_are_linearizable},
        patient, store,
    },
};

/// As many at once as two cores have time for.
const AT_ONCE: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_are_linearizable() {
    for engine in engines() {
        let server = engine.start();
        let store = store(&server.url()).await;
        are_linearizable(&store, share_of(&engine)).await;
        with_deadlines_are_linearizable(Ends::WithTheCall, &store, share_of(&engine)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_keep_every_promise() {
    for engine in engines() {
        let server = engine.start();
        histories::schedules_keep_every_promise(&store(&server.url()).await, share_of(&engine)).await;
    }
}

/// Each has a wire of its own, which cuts, delays and repeats; nothing else goes wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_rough_wire_they_are_and_do() {
    let Some(engine) = redis::redis() else { return };
    let server = engine.start();
    let target = SocketAddr::from(([127, 0, 0, 1], server.port));
    for through in [Through::Store, Through::Deadlines(Ends::WithTheCall), Through::Arbiter] {
        let faults = AtomicUsize::new(0);
        let race = async |seed| {
            let proxy = Proxy::start(target).await;
            let store = patient(&format!("redis://{}", proxy.address)).await;
            proxy.be_rough(seed);
            let raced = tokio::spawn(through.race(store, seed, Pace::ROUGH_WIRE)).await.unwrap();
            proxy.settled().await;
            faults.fetch_add(proxy.met(), Relaxed);
            raced
        };
        let races = stream::iter(seeds(FEW)).map(race).buffer_unordered(AT_ONCE);
        let met = report(through, judged(races).await);
        let faults = faults.into_inner() as u64;
        assert!(faults > met.schedules || met.schedules < FEW, "{faults} faults of the wire");
    }
}
