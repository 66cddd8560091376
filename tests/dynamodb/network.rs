//! What a network does to one request: a call finds out by itself, and a repeat of it, too.

use std::{
    slice::from_ref,
    time::{Duration, Instant},
};

use asset_arbiter::store::{StoreErrorKind, Verdict};

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players},
    engines::{dynamodb, eventually, proxy::Fault},
    ground::{WAYS, behind_proxy},
};

const LATE: Duration = Duration::from_secs(1);
/// Half of what an arbiter gives a select.
const NOTICED: Duration = Duration::from_millis(2500);

/// The repeat may have been quicker than the original, which then finds that its call was made.
fn is_first(verdict: Verdict) -> bool {
    [granted(1), already(1)].contains(&verdict)
}

#[tokio::test]
async fn a_select_that_the_network_repeats_takes_effect_once() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        for (options, write) in WAYS {
            let (proxy, ground, truth) = behind_proxy(&server, options).await;
            let (sword, node, other, [ann, bob]) =
                (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
            truth.create(other.next(), &sword, 5).await;
            proxy.next(write, Fault::Twice);
            let selected = ground.select(node.next(), &sword, from_ref(&ann)).await;
            assert!(is_first(selected.verdicts[0]), "{selected:?}");
            proxy.settled().await;
            assert_eq!((truth.state(&sword).await.revision, truth.holders(&sword).await.len()), (1, 1));

            proxy.next(write, Fault::Again(LATE));
            assert_eq!(ground.select(node.next(), &sword, from_ref(&bob)).await.verdicts, [granted(2)]);
            let before = truth.release(other.next(), &sword, &bob).await.state;
            proxy.settled().await;
            assert_eq!(
                (proxy.met(), truth.state(&sword).await),
                (2, before),
                "{}: bob gave it back",
                engine.name
            );
            assert_eq!(truth.holders(&sword).await.len(), 1, "{}", engine.name);
        }
    }
}

#[tokio::test]
async fn a_release_that_the_network_repeats_takes_effect_once() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        for (options, write) in WAYS {
            let (proxy, ground, truth) = behind_proxy(&server, options).await;
            let (sword, node, other, [ann, bob]) =
                (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
            truth.create(other.next(), &sword, 5).await;
            truth.select(other.next(), &sword, &[ann.clone(), bob.clone()]).await;
            proxy.next(write, Fault::Twice);
            assert_eq!(ground.release(node.next(), &sword, &ann).await.state.revision, 3);
            proxy.settled().await;
            assert_eq!((truth.state(&sword).await.remaining, truth.state(&sword).await.revision), (4, 3));

            proxy.next(write, Fault::Again(LATE));
            ground.release(node.next(), &sword, &bob).await;
            let before = truth.select(other.next(), &sword, from_ref(&bob)).await.state;
            proxy.settled().await;
            assert_eq!(
                (proxy.met(), truth.state(&sword).await),
                (2, before),
                "{}: bob got it anew",
                engine.name
            );
        }
    }
}

#[tokio::test]
async fn a_restock_that_the_network_repeats_takes_effect_once() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        let (proxy, ground, truth) = behind_proxy(&server, "").await;
        let (sword, node, other, [ann]) = (asset("sword"), Node::new(), Node::new(), players(["ann"]));
        truth.create(other.next(), &sword, 1).await;
        truth.select(other.next(), &sword, from_ref(&ann)).await;
        proxy.next(".PutItem", Fault::Twice);
        ground.restock(node.next(), &sword, 3).await;
        proxy.settled().await;
        assert_eq!(truth.state(&sword).await.units, 4);

        proxy.next(".PutItem", Fault::Again(LATE));
        ground.restock(node.next(), &sword, 3).await;
        let before = truth.release(other.next(), &sword, &ann).await.state;
        proxy.settled().await;
        assert_eq!((proxy.met(), truth.state(&sword).await), (2, before), "{}: 7 units", engine.name);
    }
}

#[tokio::test]
async fn a_call_finds_out_what_became_of_a_write_that_was_cut_off() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        let faults = [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)];
        for ((options, write), (fault, arrived)) in
            WAYS.into_iter().flat_map(|way| faults.map(|fault| (way, fault)))
        {
            let (proxy, Ground { store, room }, truth) = behind_proxy(&server, options).await;
            let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
            truth.create(Node::new().next(), &sword, 2).await;
            let what = format!("{} {write} {fault:?}", engine.name);

            let call = node.next();
            proxy.next(write, fault);
            for repeat in [false, true] {
                let selected = store.select(call, &room, &sword, from_ref(&ann), None).await.unwrap();
                assert!(is_first(selected.verdicts[0]), "{what}: {selected:?}");
                assert!(selected.repeated || !repeat, "{what}");
                // A transaction that is sent again is known by its token, so that its answer is the first one's.
                let again = arrived && write == ".PutItem";
                assert!(repeat || selected.repeated == again, "{what}: {selected:?}");
            }
            let call = node.next();
            proxy.next(".PutItem", fault);
            for _ in 0..2 {
                assert_eq!(store.restock(call, &room, &sword, 3, None).await.unwrap().state.units, 5, "{what}");
            }
            let call = node.next();
            proxy.next(write, fault);
            for _ in 0..2 {
                let released = store.release(call, &room, &sword, &ann).await.unwrap();
                assert_eq!(released.state.remaining, 5, "{what}");
            }
            assert_eq!((proxy.met(), truth.state(&sword).await.revision), (3, 3), "{what}");
            assert_eq!(truth.holders(&sword).await, [], "{what}");
        }
    }
}

/// A connection on which nothing comes back is given up, and another one made, before half of a select's deadline.
#[tokio::test]
async fn a_black_hole_is_noticed() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        for lost in [".PutItem", ".GetItem"] {
            let (proxy, ground, _) = behind_proxy(&server, "").await;
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
        let (proxy, ground, truth) = behind_proxy(&server, "").await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        let call = node.next();
        let select = || ground.store.select(call, &ground.room, &sword, from_ref(&ann), None);
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
