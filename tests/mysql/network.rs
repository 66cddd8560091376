//! What a network does to one packet: the store says what is so, and a repeat of the call finds out.

use std::slice::from_ref;

use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players, refusal},
    engines::{mysql, proxy::Fault},
    ground::{WRITE, behind_proxy},
    remote::{
        network::{Sides, a_black_hole_is_noticed, a_call_that_is_given_up_leaves_all_or_nothing, answered},
        store,
    },
};

/// In each packet that reads an asset.
const READ: &str = "CONSISTENT SNAPSHOT";

#[tokio::test]
async fn after_a_write_was_cut_the_same_call_finds_out() {
    for engine in mysql::all() {
        let server = engine.start().await;
        // Some answer each statement of a packet as they go, and do no more of it for a client that is gone.
        let fits = |repeated: bool, arrived: bool| arrived || !repeated;
        for (fault, arrived) in [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)] {
            let Sides { proxy, ground, truth, write } = behind_proxy(&server).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            truth.create(Node::new().next(), &sword, 2).await;
            let Ground { store, room } = &ground;

            let call = node.next();
            proxy.next(write, fault);
            let cut = store.select(call, room, &sword, from_ref(&ann), None).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.select(call, room, &sword, from_ref(&ann), None)).await;
            assert!(fits(again.repeated, arrived), "{}: {fault:?}", engine.name);
            assert_eq!(again.verdicts, [if again.repeated { already(1) } else { granted(1) }]);

            let call = node.next();
            proxy.next(write, fault);
            let cut = store.restock(call, room, &sword, 3, None).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.restock(call, room, &sword, 3, None)).await;
            assert!(fits(again.repeated, arrived), "{}: {fault:?}", engine.name);
            assert_eq!(again.state.units, 5, "{fault:?}");

            let call = node.next();
            proxy.next(write, fault);
            let cut = store.release(call, room, &sword, &ann).await;
            assert_eq!(refusal(cut), StoreErrorKind::OutcomeUnknown, "{fault:?}");
            let again = answered(|| store.release(call, room, &sword, &ann)).await;
            assert!(fits(again.repeated, arrived), "{}: {fault:?}", engine.name);
            assert_eq!(again.state.remaining, 5, "{fault:?}");
            assert_eq!((proxy.met(), truth.state(&sword).await.revision), (3, 3), "{fault:?}");
        }
    }
}

/// A read that is cut changed nothing, and is made again on another connection at once.
#[tokio::test]
async fn a_read_that_is_cut_is_made_again() {
    for engine in mysql::all() {
        let server = engine.start().await;
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfReply] {
            let Sides { proxy, ground, .. } = behind_proxy(&server).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            ground.create(node.next(), &sword, 1).await;
            proxy.next(READ, fault);
            assert_eq!(ground.select(node.next(), &sword, from_ref(&ann)).await.verdicts, [granted(1)]);
            assert_eq!(proxy.met(), 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    for engine in mysql::all() {
        let server = engine.start().await;
        for (words, kind) in [(READ, StoreErrorKind::Unavailable), (WRITE, StoreErrorKind::OutcomeUnknown)] {
            a_black_hole_is_noticed(behind_proxy(&server).await, words, kind).await;
        }
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_all_of_it_or_nothing() {
    for engine in mysql::all() {
        let server = engine.start().await;
        a_call_that_is_given_up_leaves_all_or_nothing(Ground::new(store(&server.url()).await)).await;
    }
}
