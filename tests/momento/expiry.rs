//! A cache forgets, and what it forgets is whole.

use asset_arbiter::model::NewAsset;
use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::store::{Options, StoreErrorKind, open};
use tokio::time::sleep;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal},
    engines::{eventually, momento::Momento},
    ground::{index, item, momento},
    remote::{FOR_EVER, contract::revocation, store},
};

async fn expiring(momento: &Momento, ttl: &str) -> Ground {
    Ground::new(store(&format!("{}&ttl={ttl}", momento.url())).await)
}

#[tokio::test]
async fn a_room_nobody_uses_is_forgotten_whole_and_one_that_is_kept_stays() {
    let Some(momento) = momento().await else { return };
    let unused = expiring(&momento, "2s").await;
    let kept = Ground { room: unused.sibling("-kept").room, ..unused.clone() };
    let (node, sword, shield, contenders) =
        (Node::new(), asset("sword"), asset("shield"), players(["ann", "bob"]));
    for ground in [&unused, &kept] {
        for asset in [&sword, &shield] {
            ground.create(node.next(), asset, 1).await;
            ground.select(node.next(), asset, &contenders).await;
        }
    }
    let gone = async || {
        kept.store.touch(&kept.room, node.next().at).await.unwrap();
        let left = unused.snapshot().await;
        // An asset is one item: its holders are there as long as it is.
        assert!(left.iter().all(|asset| asset.held == 1 && asset.holders.len() == 1), "{left:?}");
        left.is_empty().then_some(())
    };
    eventually("the unused room to be forgotten", gone).await;
    assert_eq!(kept.snapshot().await.len(), 2, "the other is used");
    let select = unused
        .store
        .select(node.next(), &unused.key(&sword), &contenders, Some(Arc::new(NewAsset::plain(1))))
        .await;
    assert_eq!(
        refusal(select),
        StoreErrorKind::UnknownAsset,
        "a select makes none: it may be one that was forgotten"
    );
    // What no cache can promise: it is awarded anew, but only once somebody creates it anew.
    unused.create(node.next(), &sword, 1).await;
    assert_eq!(unused.select(node.next(), &sword, &contenders[1..]).await.verdicts, [granted(1)]);
}

/// However long the rooms last. Reading them restarts their time to live.
#[tokio::test]
async fn revocations_are_kept_for_as_long_as_the_cache_can() {
    let Some(momento) = momento().await else { return };
    let Ground { store, .. } = expiring(&momento, "2s").await;
    let (first, second) = (revocation("ann"), revocation("bob"));
    store.revoke(&first, first.issued_before).await.unwrap();
    store.revoke(&second, first.until).await.unwrap();
    assert_eq!(momento.names("asset-arbiter/revocations").len(), 1, "the first has ended");
    let left = || match &momento.left()[..] {
        [(set, left)] if set == "asset-arbiter/revocations" => *left,
        others => panic!("{others:?}"),
    };
    let day = Duration::from_secs(24 * 3600);
    sleep(Duration::from_millis(20)).await;
    let before = left();
    assert!(before < day && before > day / 2, "{before:?}");
    store.revocations(first.issued_before).await.unwrap();
    assert!(left() > before);
}

/// Else an asset would be there that no snapshot shows.
#[tokio::test]
async fn the_names_of_a_room_outlive_its_assets() {
    let Some(momento) = momento().await else { return };
    let ground = expiring(&momento, "4s").await;
    let (node, sword, shield, [ann]) = (Node::new(), asset("sword"), asset("shield"), players(["ann"]));
    for asset in [&sword, &shield] {
        ground.create(node.next(), asset, 1).await;
    }
    let outlives = |when: &str| {
        let left = momento.left();
        let of = |key: String| left.iter().find(|(found, _)| *found == key).unwrap().1;
        let (names, items) = (of(index(&ground)), ["sword", "shield"].map(|asset| of(item(&ground, asset))));
        assert!(items.iter().all(|item| *item < names), "{when}: {names:?} and {items:?}");
    };
    outlives("created");
    for _ in 0..6 {
        sleep(Duration::from_millis(300)).await;
        ground.select(node.next(), &sword, std::slice::from_ref(&ann)).await;
        outlives("selected");
        ground.release(node.next(), &sword, &ann).await;
        outlives("released");
        ground.store.touch(&ground.room, node.next().at).await.unwrap();
        outlives("kept");
    }
    // Renewals are few: a room is kept anew after an eighth of its time, a name added anew after as much.
    let before = (momento.requests("set_union"), momento.requests("set_if"));
    for _ in 0..20 {
        ground.store.touch(&ground.room, node.next().at).await.unwrap();
    }
    let after = (momento.requests("set_union"), momento.requests("set_if"));
    assert!(after.0 - before.0 <= 1 && after.1 - before.1 <= 2, "{before:?} to {after:?}");
}

#[tokio::test]
async fn a_day_is_the_default_and_the_most() {
    let Some(momento) = momento().await else { return };
    let day = Duration::from_secs(24 * 3600);
    let ttl = |url: &str, flag| {
        open(url, Options { room_ttl: flag, max_assets: None, events_backlog: None, history: None })
            .map(|store| store.room_ttl())
    };
    assert_eq!(ttl(&momento.url(), None).unwrap(), Some(day));
    assert_eq!(ttl(&momento.url(), Some(day / 2)).unwrap(), Some(day / 2));
    assert_eq!(ttl(&format!("{}&ttl=1h", momento.url()), Some(day)).unwrap(), Some(day / 24));
    for (url, flag) in [(momento.url(), Some(day * 2)), (format!("{}&ttl=2d", momento.url()), None)] {
        let error = ttl(&url, flag).unwrap_err();
        assert!(error.to_string().contains("24h") && error.is_hopeless(), "{error}");
    }
    let ground = Ground::new(store(&momento.url()).await);
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    let least = day - Duration::from_secs(180);
    assert!(momento.left().iter().all(|(_, left)| (least..=day).contains(left)), "{:?}", momento.left());
}

/// One asset is lost with all who held it, the others are as they were; the next write adds the name again.
#[tokio::test]
async fn what_is_evicted_is_lost_alone() {
    let Some(momento) = momento().await else { return };
    let store = open(&format!("{}&ttl=2s", momento.url()), FOR_EVER).unwrap();
    let ground = Ground::new(store);
    let (node, sword, shield, [ann]) = (Node::new(), asset("sword"), asset("shield"), players(["ann"]));
    for asset in [&sword, &shield] {
        ground.create(node.next(), asset, 1).await;
        ground.select(node.next(), asset, std::slice::from_ref(&ann)).await;
    }
    momento.evict(&item(&ground, "sword"));
    assert_eq!(ground.held_by(&ann).await, [(shield.clone(), 1)]);
    assert!(ground.create(node.next(), &sword, 1).await.created);
    momento.evict(&index(&ground));
    assert!(ground.snapshot().await.is_empty());
    sleep(Duration::from_millis(300)).await;
    ground.restock(node.next(), &shield, 1).await;
    assert_eq!(ground.snapshot().await.len(), 1, "the one that was written");
}
