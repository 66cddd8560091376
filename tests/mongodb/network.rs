//! What a network does to one request: the store says what is so, and a repeat of the call finds out.

use asset_arbiter::model::NewAsset;
use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::{Ground, Node, asset},
    engines::proxy::Fault,
    ground::{WRITE, behind_proxy, server},
    remote::{
        network::{
            Sides, a_black_hole_is_noticed, a_call_that_is_given_up_leaves_all_or_nothing,
            a_cut_revocation_is_made_again, a_read_that_is_cut_is_made_again, cuts_are_found_out,
            repeats_take_effect_once,
        },
        store,
    },
};

/// In each request that reads an asset.
const READ: &str = "readConcern";

#[tokio::test]
async fn what_the_network_repeats_takes_effect_once() {
    let Some(server) = server() else { return };
    repeats_take_effect_once(behind_proxy(&server).await).await;
}

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    let Some(server) = server() else { return };
    cuts_are_found_out(async || behind_proxy(&server).await, true).await;
}

/// A creation is an insert, and not an update.
#[tokio::test]
async fn a_creation_that_is_cut_or_repeated_is_made_once() {
    let Some(server) = server() else { return };
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::HalfReply, Fault::Twice] {
        let Sides { proxy, ground, truth, .. } = behind_proxy(&server).await;
        let (sword, call) = (asset("sword"), Node::new().next());
        proxy.next("documents", fault);
        let first = ground.store.create(call, &ground.key(&sword), &NewAsset::plain(3)).await;
        assert_eq!(first.is_ok(), fault == Fault::Twice, "{fault:?}: {first:?}");
        proxy.settled().await;
        let again = ground.create(call, &sword, 3).await;
        assert_eq!(again.state, truth.state(&sword).await);
        assert_eq!((proxy.met(), again.state.units, again.state.revision), (1, 3, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_revocation_is_made_again_after_a_cut() {
    let Some(server) = server() else { return };
    a_cut_revocation_is_made_again(async || behind_proxy(&server).await, WRITE).await;
}

#[tokio::test]
async fn a_read_is_made_again_after_a_cut() {
    let Some(server) = server() else { return };
    a_read_that_is_cut_is_made_again(async || behind_proxy(&server).await, READ).await;
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    let Some(server) = server() else { return };
    for (words, kind) in [(READ, StoreErrorKind::Unavailable), (WRITE, StoreErrorKind::OutcomeUnknown)] {
        a_black_hole_is_noticed(behind_proxy(&server).await, words, kind).await;
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_all_of_it_or_nothing() {
    let Some(server) = server() else { return };
    a_call_that_is_given_up_leaves_all_or_nothing(Ground::new(store(&server.url()).await)).await;
}
