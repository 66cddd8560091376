//! What a network does to one packet: the store says what is so, and a repeat of the call finds out.

use asset_arbiter::store::StoreErrorKind;

use crate::{
    conformance::ground::Ground,
    ground::{WRITE, behind_proxy, servers},
    remote::{
        network::{
            a_black_hole_is_noticed, a_call_that_is_given_up_leaves_all_or_nothing,
            a_cut_revocation_is_made_again, a_read_that_is_cut_is_made_again, cuts_are_found_out,
        },
        store,
    },
};

/// In each packet that reads an asset.
const READ: &str = "CONSISTENT SNAPSHOT";

#[tokio::test]
async fn after_a_write_was_cut_the_same_call_finds_out() {
    for server in servers().await {
        cuts_are_found_out(async || behind_proxy(&server).await, false).await;
    }
}

#[tokio::test]
async fn a_revocation_is_made_again_after_a_cut() {
    for server in servers().await {
        a_cut_revocation_is_made_again(async || behind_proxy(&server).await, "INTO asset_arbiter_revocations")
            .await;
    }
}

#[tokio::test]
async fn a_read_is_made_again_after_a_cut() {
    for server in servers().await {
        a_read_that_is_cut_is_made_again(async || behind_proxy(&server).await, READ).await;
    }
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    for server in servers().await {
        for (words, kind) in [(READ, StoreErrorKind::Unavailable), (WRITE, StoreErrorKind::OutcomeUnknown)] {
            a_black_hole_is_noticed(behind_proxy(&server).await, words, kind).await;
        }
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_all_of_it_or_nothing() {
    for server in servers().await {
        a_call_that_is_given_up_leaves_all_or_nothing(Ground::new(store(&server.url()).await)).await;
    }
}
