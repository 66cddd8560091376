//! What a network does to one request: the store says what is so, and a repeat of the call finds out.

use std::{
    fmt::Debug,
    future::Future,
    slice::from_ref,
    time::{Duration, Instant},
};

use asset_arbiter::store::{Result, StoreErrorKind};

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players, refusal},
    engines::{eventually, proxy::Fault},
    ground::{behind_proxy, engines},
};

const LATE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_select_that_the_network_repeats_takes_effect_once() {
    for engine in engines() {
        let server = engine.start();
        let (proxy, ground, truth) = behind_proxy(&server).await;
        let (sword, node, other, [ann, bob]) =
            (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
        truth.create(other.next(), &sword, 5).await;
        proxy.next("EVALSHA", Fault::Twice);
        assert_eq!(ground.select(node.next(), &sword, from_ref(&ann)).await.verdicts, [granted(1)]);
        proxy.settled().await;
        assert_eq!(truth.state(&sword).await.revision, 1);

        proxy.next("EVALSHA", Fault::Again(LATE));
        assert_eq!(ground.select(node.next(), &sword, from_ref(&bob)).await.verdicts, [granted(2)]);
        let before = truth.release(other.next(), &sword, &bob).await.state;
        proxy.settled().await;
        assert_eq!((proxy.met(), truth.state(&sword).await), (2, before), "{}: bob gave it back", engine.name);
    }
}

#[tokio::test]
async fn a_release_that_the_network_repeats_takes_effect_once() {
    for engine in engines() {
        let server = engine.start();
        let (proxy, ground, truth) = behind_proxy(&server).await;
        let (sword, node, other, [ann, bob]) =
            (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
        truth.create(other.next(), &sword, 5).await;
        truth.select(other.next(), &sword, &[ann.clone(), bob.clone()]).await;
        proxy.next("EVALSHA", Fault::Twice);
        assert_eq!(ground.release(node.next(), &sword, &ann).await.state.revision, 3);
        proxy.settled().await;
        assert_eq!((truth.state(&sword).await.remaining, truth.state(&sword).await.revision), (4, 3));

        proxy.next("EVALSHA", Fault::Again(LATE));
        ground.release(node.next(), &sword, &bob).await;
        let before = truth.select(other.next(), &sword, from_ref(&bob)).await.state;
        proxy.settled().await;
        assert_eq!((proxy.met(), truth.state(&sword).await), (2, before), "{}: bob got it anew", engine.name);
    }
}

#[tokio::test]
async fn a_restock_that_the_network_repeats_takes_effect_once() {
    for engine in engines() {
        let server = engine.start();
        let (proxy, ground, truth) = behind_proxy(&server).await;
        let (sword, node, other, [ann]) = (asset("sword"), Node::new(), Node::new(), players(["ann"]));
        truth.create(other.next(), &sword, 1).await;
        truth.select(other.next(), &sword, from_ref(&ann)).await;
        proxy.next("EVALSHA", Fault::Twice);
        ground.restock(node.next(), &sword, 3).await;
        proxy.settled().await;
        assert_eq!(truth.state(&sword).await.units, 4);

        proxy.next("EVALSHA", Fault::Again(LATE));
        ground.restock(node.next(), &sword, 3).await;
        let before = truth.release(other.next(), &sword, &ann).await.state;
        proxy.settled().await;
        assert_eq!((proxy.met(), truth.state(&sword).await), (2, before), "{}: 7 units", engine.name);
    }
}

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    for engine in engines() {
        let server = engine.start();
        for (fault, arrived) in [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)] {
            let (proxy, ground, truth) = behind_proxy(&server).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            truth.create(Node::new().next(), &sword, 2).await;
            let Ground { store, room } = &ground;

            let call = node.next();
            proxy.next("EVALSHA", fault);
            let cut = store.select(call, room, &sword, from_ref(&ann), None).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.select(call, room, &sword, from_ref(&ann), None)).await;
            assert_eq!(again.repeated, arrived, "{fault:?}");
            assert_eq!(again.verdicts, [if arrived { already(1) } else { granted(1) }]);

            let call = node.next();
            proxy.next("EVALSHA", fault);
            let cut = store.restock(call, room, &sword, 3, None).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.restock(call, room, &sword, 3, None)).await;
            assert_eq!((again.repeated, again.state.units), (arrived, 5), "{fault:?}");

            let call = node.next();
            proxy.next("EVALSHA", fault);
            let cut = store.release(call, room, &sword, &ann).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.release(call, room, &sword, &ann)).await;
            assert_eq!((again.repeated, again.state.remaining), (arrived, 5), "{fault:?}");
            assert_eq!((proxy.met(), truth.state(&sword).await.revision), (3, 3), "{fault:?}");
        }
    }
}

/// A connection on which nothing comes back is given up and made anew before half of a select's deadline.
#[tokio::test]
async fn a_black_hole_is_noticed() {
    for engine in engines() {
        let server = engine.start();
        let (proxy, ground, _) = behind_proxy(&server).await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        let (call, since) = (node.next(), Instant::now());
        proxy.next("EVALSHA", Fault::BlackHole);
        let select = || ground.store.select(call, &ground.room, &sword, from_ref(&ann), None);
        assert_eq!(refusal(select().await), StoreErrorKind::OutcomeUnknown);
        assert_eq!(answered(select).await.verdicts, [granted(1)], "on a new connection");
        assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
    }
}

/// Repeats a call until the connection is back.
async fn answered<T: Debug, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> T {
    let answer = eventually("an answer", async || match call().await {
        Err(error) if error.kind() == StoreErrorKind::Unavailable => None,
        answer => Some(answer),
    });
    answer.await.unwrap()
}
