//! `?wait=N`: an answer counts when N replicas have it.

use asset_arbiter::model::NewAsset;
use std::sync::Arc;
use std::{slice::from_ref, time::Duration};

use asset_arbiter::store::{AssetKey, StoreErrorKind, open};
use futures::future::join_all;
use tokio::time::Instant;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, player, players, refusal, team},
    engines::{eventually, redis::Server},
    ground::engines,
    remote::{FOR_EVER, opening::says_as, store},
};

#[tokio::test]
async fn what_no_replica_has_is_not_known_to_last() {
    for engine in engines() {
        let (primary, replica) = engine.start_pair().await;
        let url = format!("{}?wait=1&wait_timeout_ms=150", primary.url());
        let Ground { store: first, room } = &Ground::new(store(&url).await);
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        let key = &AssetKey::new(room, &sword);
        let (begin, call) = (node.next(), node.next());
        let create = async || first.create(begin, key, &NewAsset::plain(1)).await.ok();
        eventually("the replica to have the asset", create).await;
        let second = store(&url).await;

        replica.process.pause();
        let since = Instant::now();
        let answer = first.select(call, key, from_ref(&ann), None).await;
        assert_eq!(refusal(answer), StoreErrorKind::OutcomeUnknown, "{}", engine.name);
        assert!(since.elapsed() >= Duration::from_millis(150), "it was waited for");
        // Nothing is written by these, and on a connection that never wrote: it is no more durable for that.
        let repeat = second.select(call, key, from_ref(&ann), None).await;
        assert_eq!(refusal(repeat), StoreErrorKind::OutcomeUnknown, "{}", engine.name);
        assert_eq!(refusal(second.asset(key).await), StoreErrorKind::OutcomeUnknown);

        replica.process.resume();
        let select = async || second.select(call, key, from_ref(&ann), None).await.ok();
        let told = eventually("the replica to have the grant", select).await;
        assert_eq!((told.is_repeat(), &*told.verdicts), (true, &[already(1)][..]));
        assert_eq!(replica.ask::<usize>(&["DBSIZE"]), 4, "the replica has it");
    }
}

/// Waiting keeps the server from other calls of the connection, so those that come meanwhile share a wait.
#[tokio::test]
async fn calls_that_wait_for_replicas_go_together() {
    for engine in engines() {
        let (primary, _replica) = engine.start_pair().await;
        let ground = Ground::new(store(&format!("{}?wait=1", primary.url())).await);
        let (node, assets) = (Node::new(), (0..500).map(|n| asset(&format!("a{n}"))).collect::<Vec<_>>());
        let selects = assets.iter().map(|asset| async {
            let contenders = [player("ann")];
            ground.select_or_create(node.next(), asset, &contenders, Some(1)).await.verdicts == [granted(1)]
        });
        assert!(join_all(selects).await.into_iter().all(|won| won));
        let waits = calls(&primary, "wait");
        assert!(waits > 0 && waits < 100, "{waits} waits for {} calls", assets.len());
    }
}

/// More replicas than there are.
#[tokio::test]
async fn a_wait_that_cannot_be_met_is_never_a_verdict() {
    for engine in engines() {
        let (primary, _replica) = engine.start_pair().await;
        let url = format!("{}?wait=2&wait_timeout_ms=20", primary.url());
        // It would not take a change, so it says so when asked, too.
        says_as(StoreErrorKind::OutcomeUnknown, &url, "of 2 replicas acknowledged in time").await;
        let (ground, node) = (Ground::new(open(&url, FOR_EVER).unwrap()), Node::new());
        let (store, key) = (&ground.store, ground.key(&asset("sword")));
        for _ in 0..3 {
            let answer =
                store.select(node.next(), &key, &team("p", 5), Some(Arc::new(NewAsset::plain(1)))).await;
            assert_eq!(refusal(answer), StoreErrorKind::OutcomeUnknown);
        }
    }
}

/// How often a command was called.
pub(crate) fn calls(server: &Server, command: &str) -> u64 {
    let stats = server.info(&["INFO", "commandstats"], &format!("cmdstat_{command}"));
    let calls = stats.as_deref().and_then(|stats| stats.strip_prefix("calls=")?.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}
