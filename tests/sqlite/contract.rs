use std::{collections::BTreeSet, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{EndReason, Revocation, Revoked},
    store::{Call, Store, StoreErrorKind, faulty::Faults},
};

use crate::{
    conformance::{
        events_under_faults,
        ground::{Ground, Node, asset, players, refusal},
        likeness::{answers_as_the_rules_do, remembers_ends_as_the_rules_do},
        promise::Met,
        promise_under_faults, seeds, suite, suite_under_faults, suite_with_events,
    },
    in_step::InStep,
    temp_db::TempDb,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_keeps_the_contract() {
    let db_file = TempDb::new();
    let store = db_file.open();
    assert!(!store.shared());
    suite(|| Arc::clone(&store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_with_events_keeps_the_contract() {
    let db_file = TempDb::new();
    let store = db_file.open_with_events();
    suite_with_events(|| Arc::clone(&store)).await;
}

#[tokio::test(start_paused = true)]
async fn sqlite_with_events_keeps_the_contract_under_faults() {
    let db_file = TempDb::quick();
    let store: Arc<dyn Store> = Arc::new(InStep(db_file.open_with_events()));
    events_under_faults(|| Arc::clone(&store), Faults::rough(), seeds(20)).await;
}

#[tokio::test]
async fn sqlite_with_events_answers_as_the_rules_do() {
    let db_file = TempDb::quick();
    answers_as_the_rules_do(&db_file.open_with_events(), 100).await;
}

#[tokio::test]
async fn sqlite_answers_as_the_rules_do() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    answers_as_the_rules_do(&store, 100).await;
    remembers_ends_as_the_rules_do(&store).await;
}

#[tokio::test(start_paused = true)]
async fn sqlite_keeps_the_contract_under_faults() {
    let db_file = TempDb::quick();
    let store: Arc<dyn Store> = Arc::new(InStep(db_file.open()));
    suite_under_faults(|| Arc::clone(&store), Faults::rough(), seeds(20)).await;
}

#[tokio::test(start_paused = true)]
async fn sqlite_keeps_the_promise_under_faults() {
    let db_file = TempDb::quick();
    let store: Arc<dyn Store> = Arc::new(InStep(db_file.open()));
    let met = promise_under_faults(|| Arc::clone(&store), Faults::rough(), seeds(100)).await;
    expect_enough(met);
}

/// Changes share commits here, as threads happen to run: a seed does not replay in every detail.
#[tokio::test(start_paused = true)]
async fn sqlite_keeps_the_promise_under_faults_in_groups() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    let met = promise_under_faults(|| Arc::clone(&store), Faults::rough(), seeds(100)).await;
    expect_enough(met);
}

/// Else the races would have proven less than they say.
fn expect_enough(met: Met) {
    if std::env::var_os("SEED").is_none() {
        assert!(met.granted > 1000 && met.denied > 1000, "{met:?}");
        assert!(met.given_up > 100 && met.decided_again > 30, "{met:?}");
    }
}

/// A room that nobody uses for the time to live goes, when something is made; one that is kept stays.
#[tokio::test]
async fn a_room_expires_when_nobody_uses_it() {
    let (db_file, minute) = (TempDb::new(), 60_000);
    let store = db_file.open_with_ttl(Duration::from_secs(3600));
    let [unused, kept, newcomer] = [(); 3].map(|()| Ground::new(Arc::clone(&store)));
    let (node, sword) = (Node::new(), asset("sword"));
    let begin = node.next();
    for room in [&unused, &kept] {
        room.create(begin, &sword, 2).await;
        room.select(node.next(), &sword, &players(["ann"])).await;
    }
    for minutes in [30, 59] {
        store.touch(&kept.room, begin.at + minutes * minute).await.unwrap();
    }
    newcomer.create(Call { at: begin.at + 59 * minute, ..begin }, &sword, 1).await;
    assert_eq!(unused.snapshot().await.len(), 1, "not yet");
    let late = Ground::new(Arc::clone(&store));
    late.create(Call { at: begin.at + 62 * minute, ..begin }, &sword, 1).await;
    assert!(unused.snapshot().await.is_empty() && unused.held_by(&players(["ann"])[0]).await.is_empty());
    assert_eq!((kept.state(&sword).await.held, newcomer.snapshot().await.len()), (1, 1));
}

/// The clean-up of many rooms is spread over changes, and yet comes to an end.
#[tokio::test]
async fn rooms_do_not_leak() {
    let db_file = TempDb::quick();
    let store = db_file.open_with_ttl(Duration::from_secs(10));
    let (node, sword) = (Node::new(), asset("sword"));
    let begin = node.next();
    let old: Vec<_> = (0..150).map(|_| Ground::new(Arc::clone(&store))).collect();
    for room in &old {
        room.create(begin, &sword, 1).await;
    }
    let mut left = old.len();
    for _ in 0..10 {
        let newcomer = Ground::new(Arc::clone(&store));
        newcomer.create(Call { at: begin.at + 100_000, ..begin }, &sword, 1).await;
        left = 0;
        for room in &old {
            left += room.snapshot().await.len();
        }
    }
    assert_eq!(left, 0);
}

/// Nor does the use of a room: it is noted now and then.
#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let db_file = TempDb::quick();
    let store = db_file.open();
    let (ground, node, sword) = (Ground::new(Arc::clone(&store)), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    ground.select(node.next(), &sword, &players(["ann"])).await;
    let logged = std::fs::metadata(db_file.beside("-wal")).unwrap().len();
    for _ in 0..20 {
        ground.select(node.next(), &sword, &players(["ann", "bob"])).await;
        assert!(!ground.create(node.next(), &sword, 1).await.created);
        let release =
            store.release(node.next(), &ground.key(&sword), &players(["bob"])[0], EndReason::Released).await;
        assert_eq!(refusal(release), StoreErrorKind::NotHeld);
        let restock = store.restock(node.next(), &ground.key(&sword), 1, Some(7)).await;
        assert_eq!(refusal(restock), StoreErrorKind::Conflict);
        store.touch(&ground.room, node.next().at).await.unwrap();
    }
    assert_eq!(std::fs::metadata(db_file.beside("-wal")).unwrap().len(), logged);
}

#[tokio::test]
async fn revocations_outlast_their_process_and_those_that_end_are_deleted() {
    let db_file = TempDb::new();
    let revocation = |name: &str, until| {
        let of = Revoked::Player(players([name])[0].clone());
        Revocation { of, issued_before: 0, until }
    };
    let (ann, bob, ever) = (revocation("ann", 20), revocation("bob", 30), revocation("bob", u64::MAX));
    let store = db_file.open();
    for revocation in [&ann, &ever] {
        store.revoke(revocation, 10).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let store = db_file.open();
    let read = async |now| store.revocations(now).await.unwrap().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(read(10).await, BTreeSet::from([ann.clone(), ever.clone()]));
    store.revoke(&bob, 20).await.unwrap();
    assert_eq!(read(0).await, BTreeSet::from([bob, ever]), "ann's is deleted");
}
