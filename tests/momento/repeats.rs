//! What becomes of one request in the cache: whatever it is, nothing is awarded twice and nothing is lost.

use std::{slice::from_ref, time::Duration};

use asset_arbiter::{
    model::PlayerName,
    store::{Applied, Call, Result, Selected, StoreErrorKind, Verdict},
};
use tonic::Code;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players, refusal},
    engines::momento::Fault,
    ground::{momento, two_sides},
    remote::network::{LATE, a_cut_is_found_out},
};

async fn select(ground: &Ground, call: Call, player: &PlayerName) -> Result<Applied<Selected>> {
    ground.store.select(call, &ground.key(&asset("sword")), from_ref(player), None).await
}

/// The write took effect, and nobody said so: the repeat finds it and takes nothing more.
#[tokio::test]
async fn a_write_whose_answer_is_lost_takes_effect_once() {
    let Some(momento) = momento().await else { return };
    for (fault, arrived) in [
        (Fault::BrokenBefore, false),
        (Fault::BrokenAfter, true),
        (Fault::SwallowedBefore, false),
        (Fault::SwallowedAfter, true),
        (Fault::Refused(Code::Cancelled), false),
        (Fault::Refused(Code::DeadlineExceeded), false),
        (Fault::Refused(Code::Internal), false),
    ] {
        let (ground, truth) = two_sides(&momento).await;
        let lose = |fault| momento.next("set_if", fault);
        a_cut_is_found_out(&ground, &truth, lose, fault, Some(arrived)).await;
    }
}

/// As when something between us and the cache repeats a request, and tells only what became of the copy.
#[tokio::test]
async fn a_write_that_arrives_twice_is_not_taken_for_somebody_elses() {
    let Some(momento) = momento().await else { return };
    let (ground, truth) = two_sides(&momento).await;
    let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
    truth.create(Node::new().next(), &sword, 2).await;
    momento.next("set_if", Fault::Twice);
    assert_eq!(select(&ground, node.next(), &ann).await.unwrap().verdicts, [granted(1)]);
    momento.next("set_if", Fault::TwiceAnsweredLast);
    let second = select(&ground, node.next(), &bob).await.unwrap();
    assert_eq!((second.is_repeat(), &*second.verdicts), (true, &[already(2)][..]), "it finds its own change");
    let state = truth.state(&sword).await;
    assert_eq!((state.revision, state.held, momento.met()), (2, 2, 2));
}

/// A second after it was made, when the asset went on.
#[tokio::test]
async fn a_write_that_arrives_again_later_changes_nothing() {
    let Some(momento) = momento().await else { return };
    let (ground, truth) = two_sides(&momento).await;
    let (sword, node, other, [ann]) = (asset("sword"), Node::new(), Node::new(), players(["ann"]));
    truth.create(other.next(), &sword, 1).await;
    momento.next("set_if", Fault::Again(LATE));
    assert_eq!(select(&ground, node.next(), &ann).await.unwrap().verdicts, [granted(1)]);
    let freed = truth.release(other.next(), &sword, &ann).await;
    momento.settled().await;
    assert_eq!(truth.state(&sword).await, *freed, "ann gave it back");

    select(&ground, node.next(), &ann).await.unwrap();
    momento.next("set_if", Fault::Again(LATE));
    ground.release(node.next(), &sword, &ann).await;
    let held = select(&truth, other.next(), &ann).await.unwrap().into_inner().state;
    momento.settled().await;
    assert_eq!(truth.state(&sword).await, held, "ann got it anew");
}

/// Nobody waits for it any more, and it takes effect all the same: once, and known.
#[tokio::test]
async fn a_write_that_takes_effect_late_is_found() {
    let Some(momento) = momento().await else { return };
    let (ground, truth) = two_sides(&momento).await;
    let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
    truth.create(Node::new().next(), &sword, 1).await;
    let call = node.next();
    momento.next("set_if", Fault::Late(Duration::from_millis(1500)));
    assert_eq!(refusal(select(&ground, call, &ann).await), StoreErrorKind::OutcomeUnknown);
    momento.settled().await;
    let again = select(&ground, call, &ann).await.unwrap();
    assert_eq!((again.is_repeat(), &*again.verdicts), (true, &[already(1)][..]));
    assert_eq!(select(&truth, Node::new().next(), &bob).await.unwrap().verdicts, [Verdict::SoldOut]);

    // And if somebody was quicker, it finds another asset and does nothing.
    truth.restock(Node::new().next(), &sword, 1).await;
    let call = node.next();
    momento.next("set_if", Fault::Late(Duration::from_millis(1500)));
    assert_eq!(refusal(select(&ground, call, &bob).await), StoreErrorKind::OutcomeUnknown);
    let quicker = truth.restock(Node::new().next(), &sword, 1).await;
    momento.settled().await;
    assert_eq!(truth.state(&sword).await, *quicker);
}

/// A creation cannot be told from one of an asset that was there before, but for the mark that lies in its place.
#[tokio::test]
async fn a_late_creation_does_not_bring_back_a_removed_room() {
    let Some(momento) = momento().await else { return };
    let (ground, truth) = two_sides(&momento).await;
    let (sword, node) = (asset("sword"), Node::new());
    momento.next("set_if", Fault::Again(LATE));
    ground.create(node.next(), &sword, 1).await;
    truth.store.remove_room(&truth.room).await.unwrap();
    momento.settled().await;
    assert!(truth.snapshot().await.is_empty());
    assert!(ground.create(node.next(), &sword, 1).await.created, "it can be made again at once");
}

/// Reads say nothing of the sort: they had no effect.
#[tokio::test]
async fn a_read_that_fails_is_unavailable() {
    let Some(momento) = momento().await else { return };
    let (ground, _) = two_sides(&momento).await;
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    for fault in [Fault::BrokenAfter, Fault::SwallowedBefore, Fault::Refused(Code::Internal)] {
        momento.next("get", fault);
        assert!(
            select(&ground, Node::new().next(), &players(["ann"])[0]).await.is_ok(),
            "{fault:?}: it is made twice"
        );
        momento.next("get", fault);
        momento.next("get", fault);
        assert_eq!(refusal(select(&ground, node.next(), &ann).await), StoreErrorKind::Unavailable, "{fault:?}");
    }
    assert_eq!(ground.state(&sword).await.revision, 1, "one grant");
}
