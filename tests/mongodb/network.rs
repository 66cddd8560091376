//! What a network does to one request: the store says what is so, and a repeat of the call finds out.

use std::slice::from_ref;

use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players},
    engines::{mongodb::ferretdb, proxy::Fault},
    ground::behind_proxy,
    remote::{
        network::{
            Sides, a_black_hole_is_noticed, a_call_that_is_given_up_leaves_all_or_nothing, a_cut_is_found_out,
            repeats_take_effect_once,
        },
        store,
    },
};

/// In each request that reads an asset.
const READ: &str = "readConcern";

#[tokio::test]
async fn what_the_network_repeats_takes_effect_once() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    repeats_take_effect_once(behind_proxy(&server).await).await;
}

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    for (fault, arrived) in [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)] {
        a_cut_is_found_out(behind_proxy(&server).await, fault, arrived).await;
    }
}

/// A creation is an insert, and not an update.
#[tokio::test]
async fn a_creation_that_is_cut_or_repeated_is_made_once() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfReply, Fault::Twice] {
        let Sides { proxy, ground, truth, .. } = behind_proxy(&server).await;
        let (sword, call) = (asset("sword"), Node::new().next());
        proxy.next("documents", fault);
        let first = ground.store.create(call, &ground.room, &sword, 3).await;
        assert_eq!(first.is_ok(), fault == Fault::Twice, "{fault:?}: {first:?}");
        proxy.settled().await;
        let again = ground.create(call, &sword, 3).await;
        assert_eq!(again.state, truth.state(&sword).await);
        assert_eq!((proxy.met(), again.state.units, again.state.revision), (1, 3, 0), "{fault:?}");
    }
}

/// A read that is cut changed nothing, and is made again on another connection at once.
#[tokio::test]
async fn a_read_that_is_cut_is_made_again() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfReply] {
        let Sides { proxy, ground, .. } = behind_proxy(&server).await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        proxy.next(READ, fault);
        assert_eq!(ground.select(node.next(), &sword, from_ref(&ann)).await.verdicts, [granted(1)]);
        assert_eq!(proxy.met(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    for (words, kind) in [(READ, StoreErrorKind::Unavailable), ("updates", StoreErrorKind::OutcomeUnknown)] {
        a_black_hole_is_noticed(behind_proxy(&server).await, words, kind).await;
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_all_of_it_or_nothing() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    a_call_that_is_given_up_leaves_all_or_nothing(Ground::new(store(&server.url()).await)).await;
}
