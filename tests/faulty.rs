//! The faulty store does what its plan says, and the same again from the same seed.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetState, EndReason, NewAsset, PlayerName, Revocation, Revoked},
    store::{
        Applied, AssetKey, Call, HistoryPage, MemoryStore, NodeId, Selected, Store, StoreErrorKind, Taker,
        faulty::{CallCounts, Faults, Faulty},
    },
};
use tokio::time::{Instant, timeout};

struct Setup {
    store: Arc<Faulty>,
    inner: Arc<dyn Store>,
    key: AssetKey,
}

impl Setup {
    /// An asset of 10 units behind a faulty store.
    async fn new(seed: u64, faults: Faults) -> Self {
        let inner: Arc<dyn Store> = Arc::new(MemoryStore::new(None));
        let key = AssetKey { room: "room".parse().unwrap(), asset: "asset".parse().unwrap() };
        inner.create(call(0), &key, &NewAsset::plain(10)).await.unwrap();
        Self { store: Arc::new(Faulty::new(Arc::clone(&inner), seed, faults)), inner, key }
    }

    async fn select(&self, seq: u64) -> Result<Applied<Selected>, StoreErrorKind> {
        let player = PlayerName::parse(&format!("player-{seq}")).unwrap();
        let selected = self.store.select(call(seq), &self.key, &[player], None).await;
        selected.map_err(|error| error.kind())
    }

    /// The truth, past all faults.
    async fn held(&self) -> u32 {
        self.state().await.held
    }

    async fn state(&self) -> AssetState {
        self.inner.asset(&self.key).await.unwrap()
    }
}

fn call(seq: u64) -> Call {
    Call { node: NodeId(1), seq, at: 1, by: None }
}

#[tokio::test(start_paused = true)]
async fn without_faults_it_is_the_store_it_wraps() {
    let setup = Setup::new(1, Faults::default()).await;
    let start = Instant::now();
    for seq in 1..=10 {
        setup.select(seq).await.unwrap();
    }
    assert_eq!(setup.held().await, 10);
    assert_eq!(setup.store.asset(&setup.key).await.unwrap(), setup.state().await);
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(!setup.store.shared());
    assert!(Faulty::new(Arc::clone(&setup.inner), 1, Faults::default()).as_shared().shared());
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_does_nothing_not_even_later() {
    let faults = Faults { refused: 1.0, duplicated: 1.0, duplicated_late: 1.0, ..Faults::default() };
    let setup = Setup::new(2, faults).await;
    assert_eq!(setup.select(1).await, Err(StoreErrorKind::Unavailable));
    setup.store.settled().await;
    assert_eq!(setup.held().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_does_nothing_and_a_lost_reply_hides_what_was_done() {
    let setup = Setup::new(3, Faults { lost_before: 1.0, ..Faults::default() }).await;
    assert_eq!(setup.select(1).await, Err(StoreErrorKind::OutcomeUnknown));
    assert_eq!(setup.held().await, 0);
    setup.store.set_faults(Faults { lost_after: 1.0, ..Faults::default() });
    assert_eq!(setup.select(2).await, Err(StoreErrorKind::OutcomeUnknown));
    assert_eq!(setup.held().await, 1);
    let read = setup.store.snapshot(&setup.key.room).await;
    assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Unavailable, "a read has no outcome");
}

#[tokio::test(start_paused = true)]
async fn duplicates_reach_the_store_at_once_and_later() {
    // Two faulty stores in a row: the inner one counts what the outer one really sends.
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new(None));
    let counter = Arc::new(Faulty::new(memory, 0, Faults::default()));
    let lateness = Duration::from_secs(1);
    let faults = Faults { duplicated: 1.0, duplicated_late: 1.0, max_lateness: lateness, ..Faults::default() };
    let outer = Faulty::new(Arc::clone(&counter) as Arc<dyn Store>, 4, faults);
    let key = AssetKey { room: "room".parse().unwrap(), asset: "asset".parse().unwrap() };
    let created = outer.create(call(1), &key, &NewAsset::plain(3)).await.unwrap();
    assert!(created.created && !created.is_repeat(), "the first answer counts");
    assert_eq!((outer.calls().create, counter.calls().create), (1, 2));
    let start = Instant::now();
    outer.settled().await;
    assert!(start.elapsed() > Duration::ZERO && start.elapsed() <= lateness + Duration::from_millis(1));
    assert_eq!((outer.calls().create, counter.calls().create), (1, 3));
    outer.remove_room(&key.room).await.unwrap();
    outer.settled().await;
    assert_eq!(counter.calls().remove_room, 2, "never late: it is not protected against that");
}

#[tokio::test(start_paused = true)]
async fn a_late_duplicate_may_bring_what_was_lost() {
    let faults = Faults { lost_before: 1.0, duplicated_late: 1.0, ..Faults::default() };
    let setup = Setup::new(5, Faults { max_lateness: Duration::from_secs(1), ..faults }).await;
    assert_eq!(setup.select(1).await, Err(StoreErrorKind::OutcomeUnknown));
    assert_eq!(setup.held().await, 0);
    setup.store.settled().await;
    assert_eq!(setup.held().await, 1);
}

#[tokio::test(start_paused = true)]
async fn delays_are_bounded_and_slowness_is_exact() {
    let max_delay = Duration::from_millis(50);
    let setup = Setup::new(6, Faults { delayed: 1.0, max_delay, ..Faults::default() }).await;
    let mut slowest = Duration::ZERO;
    for seq in 1..=100 {
        let start = Instant::now();
        setup.select(seq).await.unwrap();
        slowest = slowest.max(start.elapsed());
    }
    // Each of the two sleeps of a call may be rounded up to the timer's next millisecond.
    assert!(slowest <= max_delay + Duration::from_millis(2), "{slowest:?}");
    assert!(slowest > max_delay / 2, "{slowest:?}");
    setup.store.set_faults(Faults::default());
    setup.store.slow(Duration::from_secs(2));
    let start = Instant::now();
    setup.select(101).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_held_store_answers_when_it_is_back() {
    let setup = Setup::new(7, Faults::default()).await;
    setup.store.hold();
    let waiting = timeout(Duration::from_secs(60), setup.select(1)).await;
    assert!(waiting.is_err(), "must wait");
    assert_eq!(setup.held().await, 0, "whoever gives up changed nothing");
    let (selected, ()) = tokio::join!(setup.select(2), async { setup.store.resume() });
    assert!(selected.is_ok());
    assert_eq!(setup.held().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusing_store_fails_also_the_calls_that_were_held() {
    let setup = Setup::new(8, Faults::default()).await;
    setup.store.hold();
    let (held, ()) = tokio::join!(setup.select(1), async { setup.store.refuse() });
    assert_eq!(held, Err(StoreErrorKind::Unavailable));
    assert_eq!(setup.store.ping().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    setup.store.resume();
    assert!(setup.store.ping().await.is_ok());
    assert_eq!(setup.held().await, 0);
}

#[tokio::test(start_paused = true)]
async fn every_method_is_counted_and_reaches_the_store() {
    let Setup { store, key, .. } = Setup::new(9, Faults::default()).await;
    let player = PlayerName::parse("player").unwrap();
    assert!(!store.create(call(1), &key, &NewAsset::plain(10)).await.unwrap().created);
    store.select(call(2), &key, std::slice::from_ref(&player), None).await.unwrap();
    assert_eq!(store.held_by(&key.room, &player).await.unwrap(), [(key.asset.clone(), 1)]);
    assert_eq!(store.holders(&key, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.snapshot(&key.room).await.unwrap().len(), 1);
    assert_eq!(store.revisions(&key.room).await.unwrap().len(), 1);
    assert!(!store.confirm(call(3), &key, &player, true).await.unwrap().changed);
    assert_eq!(store.extend(call(4), &key, &player, 1).await.unwrap_err().kind(), StoreErrorKind::Conflict);
    store.prolong(call(5), &key, std::slice::from_ref(&player)).await.unwrap();
    store.expire(call(6), &key).await.unwrap();
    store.release(call(7), &key, &player, EndReason::Released).await.unwrap();
    assert_eq!(store.restock(call(8), &key, 5, Some(2)).await.unwrap().units, 15);
    assert_eq!(store.reset(call(9), &key).await.unwrap().units, 10);
    assert!(store.remove_asset(call(10), &key).await.unwrap().removed);
    assert!(store.asset(&key).await.unwrap().removed);
    store.touch(&key.room, 1).await.unwrap();
    store.remove_room(&key.room).await.unwrap();
    assert!(store.asset(&key).await.is_err());
    let of = Revoked::Player(player);
    store.revoke(&Revocation { of, issued_before: 1, until: 9 }, 2).await.unwrap();
    assert_eq!(store.revocations(2).await.unwrap().len(), 1);
    store.mark(&key.room, 1).await.unwrap();
    assert!(store.waiting_rooms(None, 1).await.unwrap().is_empty());
    let taker = Taker { id: 1, now: 1, until: 2 };
    assert!(store.take_events(&key.room, taker, 1).await.unwrap().is_empty());
    store.acknowledge(&key.room, &[], 1).await.unwrap();
    let page = HistoryPage { after: None, now: 1, limit: 1 };
    assert!(store.history(&key, page).await.unwrap().is_empty());
    assert_eq!(store.clock().await.unwrap(), None);
    store.ping().await.unwrap();
    let once = CallCounts {
        create: 1,
        select: 1,
        release: 1,
        confirm: 1,
        extend: 1,
        prolong: 1,
        expire: 1,
        restock: 1,
        reset: 1,
        remove_asset: 1,
        remove_room: 1,
        asset: 2,
        snapshot: 1,
        revisions: 1,
        holders: 1,
        held_by: 1,
        touch: 1,
        revoke: 1,
        revocations: 1,
        mark: 1,
        waiting_rooms: 1,
        take_events: 1,
        acknowledge: 1,
        history: 1,
        clock: 1,
        ping: 1,
    };
    assert_eq!(store.calls(), once);
}

/// What each of 200 calls met, how long it took, and what was left at the end.
async fn history(seed: u64) -> Vec<String> {
    let setup = Setup::new(seed, Faults::rough()).await;
    let mut history = Vec::new();
    for seq in 1..=200 {
        let start = Instant::now();
        let answer = setup.select(seq).await;
        history.push(format!("{answer:?} after {:?}", start.elapsed()));
    }
    setup.store.settled().await;
    history.push(format!("{:?}", setup.state().await));
    history
}

#[tokio::test(start_paused = true)]
async fn a_seed_replays_exactly() {
    assert_eq!(history(10).await, history(10).await);
    assert_ne!(history(10).await, history(11).await);
}
