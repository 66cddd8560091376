//! What a network does to one request: a call finds out by itself, and a repeat of it, too.

use asset_arbiter::model::EndReason;
use std::{slice::from_ref, time::Instant};

use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::{Node, asset, granted, players},
    engines::{dynamodb, eventually, proxy::Fault},
    ground::{WAYS, behind_proxy, servers},
    remote::network::{
        CUTS, NOTICED, Sides, a_cut_revocation_is_made_again, is_first, repeats_take_effect_once,
    },
};

#[tokio::test]
async fn what_the_network_repeats_takes_effect_once() {
    for server in servers().await {
        for way in WAYS {
            repeats_take_effect_once(behind_proxy(&server, way).await).await;
        }
    }
}

#[tokio::test]
async fn a_call_finds_out_what_became_of_a_write_that_was_cut_off() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        for (way, (fault, arrived)) in WAYS.into_iter().flat_map(|way| CUTS.map(|cut| (way, cut))) {
            let Sides { proxy, ground, truth, write, restock } = behind_proxy(&server, way).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            let (store, key) = (&ground.store, &ground.key(&sword));
            truth.create(Node::new().next(), &sword, 2).await;
            let what = format!("{} {write} {fault:?}", engine.name);

            let call = node.next();
            proxy.next(write, fault);
            for repeat in [false, true] {
                let selected = store.select(call, key, from_ref(&ann), None).await.unwrap();
                assert!(is_first(selected.verdicts[0]), "{what}: {selected:?}");
                assert!(selected.is_repeat() || !repeat, "{what}");
                // A transaction that is sent again is known by its token, so that its answer is the first one's.
                let again = arrived && write == ".PutItem";
                assert!(repeat || selected.is_repeat() == again, "{what}: {selected:?}");
            }
            let call = node.next();
            proxy.next(restock, fault);
            for _ in 0..2 {
                assert_eq!(store.restock(call, key, 3, None).await.unwrap().units, 5, "{what}");
            }
            let call = node.next();
            proxy.next(write, fault);
            for _ in 0..2 {
                let released = store.release(call, key, &ann, EndReason::Released).await.unwrap();
                assert_eq!(released.remaining, 5, "{what}");
            }
            assert_eq!((proxy.met(), truth.state(&sword).await.revision), (3, 3), "{what}");
            assert_eq!(truth.holders(&sword).await, [], "{what}");
        }
    }
}

#[tokio::test]
async fn a_revocation_is_made_again_after_a_cut() {
    for server in servers().await {
        a_cut_revocation_is_made_again(async || behind_proxy(&server, WAYS[0]).await, ".PutItem").await;
    }
}

/// A connection on which nothing comes back is given up, and another one made, before half of a select's deadline.
#[tokio::test]
async fn a_black_hole_is_noticed() {
    for server in servers().await {
        for lost in [".PutItem", ".GetItem"] {
            let Sides { proxy, ground, .. } = behind_proxy(&server, WAYS[0]).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            ground.create(node.next(), &sword, 1).await;
            let since = Instant::now();
            proxy.next(lost, Fault::BlackHole);
            let selected = ground.select(node.next(), &sword, from_ref(&ann)).await;
            assert_eq!(selected.verdicts, [granted(1)], "on a new connection");
            assert!(proxy.met() == 1 && since.elapsed() < NOTICED, "{:?}", since.elapsed());
        }
    }
}

#[tokio::test]
async fn a_service_that_is_silent_leaves_it_open_what_became_of_a_write() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        let Sides { proxy, ground, truth, .. } = behind_proxy(&server, WAYS[0]).await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        let call = node.next();
        let key = ground.key(&sword);
        let select = || ground.store.select(call, &key, from_ref(&ann), None);
        // More than there is time for.
        for (lost, kind) in
            [(".GetItem", StoreErrorKind::Unavailable), (".PutItem", StoreErrorKind::OutcomeUnknown)]
        {
            (0..3).for_each(|_| proxy.next(lost, Fault::BlackHole));
            let since = Instant::now();
            let error = select().await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {error}", engine.name);
            assert!(since.elapsed() < NOTICED, "{:?}", since.elapsed());
        }
        let selected = eventually("an answer", async || select().await.ok()).await;
        assert_eq!((&selected.verdicts[..], selected.state.revision), (&[granted(1)][..], 1));
        assert_eq!(truth.state(&sword).await, selected.state);
    }
}
