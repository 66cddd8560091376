//! What a network does to a request on its way to the cache.

use asset_arbiter::store::StoreErrorKind;

use crate::{
    ground::{WRITE, behind_proxy, momento},
    remote::network::{a_black_hole_is_noticed, a_cut_revocation_is_made_again, cuts_are_found_out},
};

#[tokio::test]
async fn after_a_cut_the_same_call_finds_out() {
    let Some(momento) = momento().await else { return };
    cuts_are_found_out(async || behind_proxy(&momento).await, true).await;
}

#[tokio::test]
async fn a_revocation_is_made_again_after_a_cut() {
    let Some(momento) = momento().await else { return };
    a_cut_revocation_is_made_again(async || behind_proxy(&momento).await, "\"issued_before\"").await;
}

#[tokio::test]
async fn a_black_hole_is_noticed_in_time() {
    let Some(momento) = momento().await else { return };
    a_black_hole_is_noticed(behind_proxy(&momento).await, WRITE, StoreErrorKind::OutcomeUnknown).await;
}
