//! What a network does to one request: the store says what is so, and a repeat of the call finds out.

use asset_arbiter::store::StoreErrorKind;

use crate::{
    ground::{behind_proxy, servers},
    remote::network::{
        a_black_hole_is_noticed, a_cut_revocation_is_made_again, cuts_are_found_out, repeats_take_effect_once,
    },
};

#[tokio::test]
async fn what_the_network_repeats_takes_effect_once() {
    for server in servers() {
        repeats_take_effect_once(behind_proxy(&server).await).await;
    }
}

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    for server in servers() {
        cuts_are_found_out(async || behind_proxy(&server).await, true).await;
    }
}

#[tokio::test]
async fn a_revocation_is_made_again_after_a_cut() {
    for server in servers() {
        a_cut_revocation_is_made_again(async || behind_proxy(&server).await, "EVAL").await;
    }
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    for server in servers() {
        a_black_hole_is_noticed(behind_proxy(&server).await, "EVALSHA", StoreErrorKind::OutcomeUnknown).await;
    }
}
