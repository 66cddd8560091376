//! What a network does to a request on its way to the cache.

use std::{
    slice::from_ref,
    time::{Duration, Instant},
};

use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players, refusal},
    engines::{eventually, proxy::Fault},
    ground::{behind_proxy, momento},
};

/// What a conditional write has in it, and a read has not.
const A_WRITE: &str = "\"counter\"";

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    let Some(momento) = momento().await else { return };
    for (fault, arrived) in [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)] {
        let (proxy, ground, truth) = behind_proxy(&momento).await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        truth.create(Node::new().next(), &sword, 2).await;
        let Ground { store, room } = &ground;
        let call = node.next();
        proxy.next(A_WRITE, fault);
        let select = async || store.select(call, room, &sword, from_ref(&ann), None).await;
        assert_eq!(refusal(select().await), StoreErrorKind::OutcomeUnknown, "{fault:?}");
        let again = eventually("an answer", async || select().await.ok()).await;
        assert_eq!(again.repeated, arrived, "{fault:?}");
        assert_eq!(again.verdicts, [if arrived { already(1) } else { granted(1) }]);
        assert_eq!((proxy.met(), truth.state(&sword).await.revision), (1, 1), "{fault:?}");
    }
}

/// A connection on which nothing comes back is given up, and another one made, before half of a select's deadline.
#[tokio::test]
async fn a_black_hole_is_noticed() {
    let Some(momento) = momento().await else { return };
    let (proxy, ground, _) = behind_proxy(&momento).await;
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    let (call, since) = (node.next(), Instant::now());
    proxy.next(A_WRITE, Fault::BlackHole);
    let select = async || ground.store.select(call, &ground.room, &sword, from_ref(&ann), None).await;
    assert_eq!(refusal(select().await), StoreErrorKind::OutcomeUnknown);
    assert_eq!(select().await.unwrap().verdicts, [granted(1)], "on a new connection");
    assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
}
