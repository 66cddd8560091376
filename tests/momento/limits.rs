//! What the cache does not take, and what it costs.

use asset_arbiter::{
    model::{AssetOptions, NewAsset},
    store::StoreErrorKind,
};
use tonic::Code;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal, team},
    engines::momento::Fault,
    ground::momento,
    remote::store,
};

const TOO_MUCH: Fault = Fault::Refused(Code::ResourceExhausted);

/// Limits are by the second: a request that is refused for them is made again, and then the caller is told to.
#[tokio::test]
async fn too_many_requests_are_made_again_within_a_bound() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(store(&momento.url()).await);
    let (sword, node, contenders) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    for kind in ["get", "set_if", "set_if"] {
        momento.next(kind, TOO_MUCH);
    }
    assert_eq!(ground.select(node.next(), &sword, &contenders).await.verdicts, [granted(1)]);

    momento.always("set_if", TOO_MUCH);
    let before = momento.requests("set_if");
    let answer = ground.store.restock(node.next(), &ground.key(&sword), 1, None).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.is_hopeless()), (StoreErrorKind::Unavailable, false));
    assert!(error.to_string().contains("limits for cache \"game\" are reached"), "{error}");
    assert_eq!(momento.requests("set_if") - before, 4);
    momento.be_gentle();
    assert_eq!(ground.state(&sword).await.revision, 1, "nothing happened");
}

#[tokio::test]
async fn a_full_asset_fits_and_one_more_unit_does_not() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(store(&momento.url()).await);
    let (sword, node) = (asset("sword"), Node::new());
    ground.create(node.next(), &sword, 1000).await;
    let longest = team(&"|".repeat(124), 1000);
    for batch in longest.chunks(128) {
        ground.select(node.next(), &sword, batch).await;
    }
    assert_eq!(ground.holders(&sword).await.len(), 1000);
    let answer = ground.store.restock(node.next(), &ground.key(&sword), 1, None).await;
    assert_eq!(refusal(answer), StoreErrorKind::LimitReached);
    let size = momento.largest();
    assert!((150_000..180_000).contains(&size), "{size} bytes");
}

/// What the cache may forget before a deadline has no such deadline.
#[tokio::test]
async fn a_deadline_beyond_the_time_to_live_is_refused() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(store(&format!("{}&ttl=1h", momento.url())).await);
    let (key, node) = (ground.key(&asset("sword")), Node::new());
    let hold = |minutes: u64| {
        let hold_ms = Some(minutes * 60_000);
        NewAsset { units: 1, options: AssetOptions { hold_ms, ..AssetOptions::NONE } }
    };
    let error = ground.store.create(node.next(), &key, &hold(60)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::LimitReached);
    assert!(error.to_string().contains("hold_ms is at most"), "{error}");
    assert!(ground.store.create(node.next(), &key, &hold(57)).await.unwrap().created);
}

/// Consistent reads count six times, and every other request once.
#[tokio::test]
async fn a_change_is_two_requests_and_a_denial_one() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(store(&momento.url()).await);
    let (sword, node) = (asset("sword"), Node::new());
    ground.create(node.next(), &sword, 128).await;
    let before = momento.operations();
    ground.select(node.next(), &sword, &team("p", 128)).await;
    assert_eq!(momento.operations() - before, 7);
    let before = momento.operations();
    ground.select(node.next(), &sword, &team("late", 128)).await;
    assert_eq!(momento.operations() - before, 6);
}
