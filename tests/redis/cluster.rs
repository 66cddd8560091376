//! A cluster whose masters die and whose slots move.

use std::sync::Arc;
use std::{cell::Cell, collections::BTreeMap, future::Future, slice::from_ref, time::Duration};

use asset_arbiter::{
    model::{AssetName, NewAsset, PlayerName, Units},
    store::Verdict,
};
use futures::future::join;
use tokio::time::sleep;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, player, players},
    engines::{cluster::Cluster, eventually, redis},
    ground::engines,
    remote::{patient, store, traffic::in_mid_traffic},
};

/// Replication is not waited for here, so what the dead master alone had is gone: revisions say so.
#[tokio::test]
async fn after_a_failover_the_store_serves_and_lost_writes_show_as_lower_revisions() {
    for engine in engines() {
        let mut cluster = Cluster::start(&engine, 3, 1).await;
        let ground = Ground::new(store(&cluster.url()).await);
        let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
        let dying = cluster.master_of(ground.room.as_str());
        ground.create(node.next(), &sword, 2).await;
        ground.select(node.next(), &sword, from_ref(&ann)).await;
        let both_have_it = async || (cluster.replicas[dying].ask::<usize>(&["DBSIZE"]) == 4).then_some(());
        eventually("the replica to have it", both_have_it).await;

        // What is in its socket already would still arrive.
        cluster.replicas[dying].process.pause();
        cluster.masters[dying].ask::<()>(&["CLIENT", "KILL", "TYPE", "replica"]);
        let lost = ground.select(node.next(), &sword, from_ref(&bob)).await;
        assert_eq!(lost.verdicts, [granted(2)]);
        let known = ground.revisions().await;
        cluster.masters[dying].process.kill();
        cluster.replicas[dying].process.resume();

        let after = eventually("the failover", async || ground.store.revisions(&ground.room).await.ok()).await;
        assert_eq!((known[0].revision, after[0].revision), (2, 1), "{}", engine.name);
        let call = node.next();
        let both = [bob, ann];
        let key = ground.key(&sword);
        let select = || ground.store.select(call, &key, &both, None);
        let again = eventually("an answer", async || select().await.ok()).await;
        assert_eq!(again.verdicts, [granted(2), already(1)]);
    }
}

/// With one replica to wait for, and that replica to take over, nothing that was answered is lost.
#[tokio::test]
async fn the_promise_holds_over_a_failover_when_replicas_are_waited_for() {
    let Some(engine) = redis::redis() else { return };
    let mut cluster = Cluster::start(&engine, 3, 1).await;
    let store = patient(&format!("{}?wait=1&wait_timeout_ms=100", cluster.url())).await;
    let trouble = async {
        sleep(Duration::from_millis(300)).await;
        cluster.masters[0].process.kill();
        cluster.replicas[0].wait_for(&["INFO", "replication"], "role", "master").await;
        cluster.masters[0].restart();
        cluster.masters[0].wait_for(&["INFO", "replication"], "master_link_status", "up").await;
        sleep(Duration::from_millis(300)).await;
    };
    in_mid_traffic(&store, trouble).await;
}

/// A master that hangs is given up, too, although its connections stay open.
#[tokio::test]
async fn a_hanging_master_is_left_for_its_replica() {
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 3, 1).await;
    let ground = Ground::new(patient(&cluster.url()).await);
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    let master = cluster.master_of(ground.room.as_str());
    let (hanging, replica) = (&cluster.masters[master], &cluster.replicas[master]);
    let has_it = async || (replica.ask::<usize>(&["DBSIZE"]) == 3).then_some(());
    eventually("the replica to have it", has_it).await;
    hanging.process.pause();
    let call = node.next();
    let key = ground.key(&sword);
    let select = || ground.store.select(call, &key, from_ref(&ann), None);
    let told = eventually("an answer", async || select().await.ok()).await;
    assert_eq!(told.verdicts, [granted(1)]);
    hanging.process.resume();
}

/// A slot on its way answers ASK or TRYAGAIN, one that has moved MOVED; no call is lost or done twice for it.
#[tokio::test]
async fn every_answer_is_true_while_a_slot_moves_to_and_fro() {
    let Some(engine) = redis::redis() else { return };
    let cluster = Cluster::start(&engine, 3, 0).await;
    let ground = Ground::new(store(&cluster.url()).await);
    let first = cluster.master_of(ground.room.as_str());
    let moving = async {
        for step in 0..10 {
            cluster.move_slot(ground.room.as_str(), (first + step) % 3, (first + step + 1) % 3).await;
        }
    };
    let asked = everyone_asks(&ground, moving).await;
    let holders = ground.holders(&asset("sword")).await;
    assert_eq!(holders.len(), UNITS.min(asked.len()), "of {} who asked", asked.len());
    let told: BTreeMap<_, _> = holders.into_iter().map(|grant| (grant.player, grant.revision)).collect();
    for (player, verdict) in asked {
        let held = told.get(&player).copied();
        assert!(matches!(verdict, Verdict::SoldOut) == held.is_none(), "{player} was told {verdict:?}");
    }
}

const UNITS: usize = 50;

/// New players ask, each until it is told, for as long as `trouble` goes on.
async fn everyone_asks(ground: &Ground, trouble: impl Future<Output = ()>) -> Vec<(PlayerName, Verdict)> {
    let (node, sword, over) = (Node::new(), asset("sword"), Cell::new(false));
    let asking = async {
        let mut told = Vec::new();
        while !over.get() || told.len() <= UNITS {
            let player = player(&format!("p{}", told.len()));
            let verdict = ask(ground, &node, &sword, &player).await;
            told.push((player, verdict));
        }
        told
    };
    join(asking, async {
        trouble.await;
        over.set(true)
    })
    .await
    .0
}

async fn ask(ground: &Ground, node: &Node, asset: &AssetName, player: &PlayerName) -> Verdict {
    loop {
        let call = node.next();
        let units = Some(UNITS as Units);
        let key = ground.key(asset);
        let select = || {
            ground.store.select(
                call,
                &key,
                from_ref(player),
                units.map(|units| Arc::new(NewAsset::plain(units))),
            )
        };
        let answer = eventually("an answer", async || match select().await {
            Err(error) if error.kind().temporary() => None,
            answer => Some(answer.unwrap()),
        });
        let selected = answer.await;
        if !(selected.is_repeat() && selected.verdicts == [Verdict::SoldOut]) {
            return selected.verdicts[0];
        }
    }
}
