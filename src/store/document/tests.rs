//! Tests of documents, and the whole conformance suite on documents in memory, which covers the rules shared by
//! optimistic stores.

mod in_memory;

use std::{
    slice::from_ref,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures::future::{join, join_all};
use tokio::time::{sleep, timeout};

use self::in_memory::{InMemory, MOST, parsed};
use super::*;
use crate::{
    conformance::{
        events_under_faults,
        ground::{Ground, Node, already, asset, granted, player, players, refusal, team},
        promise_under_faults, seeds, suite, suite_under_faults, suite_with_events,
    },
    linearizability::{
        histories, histories_in_real_time, histories_with_deadlines, run::Ends, schedules,
        schedules_in_real_time,
    },
    model::{AssetOptions, EndReason, NewAsset},
    store::{
        AssetKey, HistoryPage, Store, StoreErrorKind, Verdict,
        faulty::Faults,
        optimistic::{EventBackend, Optimistic},
    },
};

fn whole() -> Arc<dyn Store> {
    InMemory::<{ usize::MAX }>::store()
}

/// A store with so few grants per write that most selects need several.
fn split() -> Arc<dyn Store> {
    InMemory::<2>::store()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_keep_the_contract() {
    suite(whole).await;
    suite(split).await;
    let shared = whole();
    suite(|| Arc::clone(&shared)).await;
}

#[tokio::test(start_paused = true)]
async fn documents_keep_the_contract_under_faults() {
    suite_under_faults(whole, Faults::rough(), seeds(50)).await;
    suite_under_faults(split, Faults::rough(), seeds(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_with_events_keep_the_contract() {
    suite_with_events(InMemory::<{ usize::MAX }>::store_with_events).await;
    let shared = InMemory::<2>::store_with_events();
    suite_with_events(|| Arc::clone(&shared)).await;
}

/// As after a crash between the two writes of an acknowledgement.
#[tokio::test]
async fn an_event_that_was_added_to_the_history_and_still_waits_is_there_once() {
    let documents = Arc::new(InMemory::<2> { backlog: Some(9), ..InMemory::new() });
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&documents))));
    let (sword, node) = ground.sword(3).await;
    ground.select(node.next(), &sword, &team("p", 2)).await;
    let (key, now) = (ground.key(&sword), node.next().at);
    let page = HistoryPage { after: None, now, limit: 9 };
    let before = ground.store.history(&key, page).await.unwrap();
    documents.add_history(&key, &before[..2], now).await.unwrap();
    assert_eq!(ground.store.history(&key, page).await.unwrap(), before);
    let ids: Vec<_> = before.iter().map(|event| event.id(&key.room, &key.asset)).collect();
    ground.store.acknowledge(&key.room, &ids, now).await.unwrap();
    assert_eq!(ground.store.history(&key, page).await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn documents_with_events_keep_the_contract_under_faults() {
    events_under_faults(InMemory::<2>::store_with_events, Faults::rough(), seeds(50)).await;
}

#[tokio::test(start_paused = true)]
async fn documents_keep_the_promise_under_faults() {
    promise_under_faults(whole, Faults::rough(), seeds(500)).await;
    promise_under_faults(split, Faults::rough(), seeds(500)).await;
}

#[test]
fn histories_of_documents_are_linearizable() {
    histories(whole, seeds(500));
    histories(split, seeds(500));
}

/// Of a store so slow that copies of calls overlap with those after them.
#[test]
fn grants_in_documents_end_as_if_one_thing_happened_after_the_other() {
    histories_with_deadlines(Ends::Apart, || InMemory::<{ usize::MAX }>::slow_store(LATENCY), seeds(300));
    histories_with_deadlines(Ends::Apart, || InMemory::<2>::slow_store(LATENCY), seeds(300));
}

#[test]
fn schedules_over_documents_keep_every_promise() {
    schedules(whole, seeds(500));
    schedules(split, seeds(500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_are_and_do_in_real_time() {
    for shared in [whole(), split()] {
        histories_in_real_time(|| Arc::clone(&shared), seeds(50), 25).await;
        schedules_in_real_time(|| Arc::clone(&shared), seeds(50), 25).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_come_in_between_each_other_nobody_is_lost() {
    let backend = Arc::new(InMemory::<2>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&backend))));
    let (sword, contenders) = (asset("sword"), team("p", 300));
    ground.create(Node::new().next(), &sword, 100).await;
    let ask = |players: &[PlayerName]| {
        let (ground, sword, players) = (ground.clone(), sword.clone(), players.to_vec());
        // Each task is a node of its own and retries.
        tokio::spawn(async move {
            let call = Node::new().next();
            loop {
                match ground.store.select(call, &ground.key(&sword), &players, None).await {
                    Ok(selected) => return selected.into_inner().verdicts,
                    Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
                }
            }
        })
    };
    let verdicts =
        join_all(contenders.chunks(5).map(ask)).await.into_iter().flat_map(std::result::Result::unwrap);
    // A retry of a call whose first part was written gets that part as `AlreadyHeld`.
    let won = verdicts.filter(|verdict| !matches!(verdict, Verdict::SoldOut)).count();
    let state = ground.state(&sword).await;
    assert_eq!((won, state.held, state.revision), (100, 100, 100));
    assert!(backend.stale.load(Relaxed) > 10, "they came in between each other");
}

#[tokio::test]
async fn who_gets_nothing_costs_a_read_and_no_write() {
    let backend = Arc::new(InMemory::<{ usize::MAX }>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&backend))));
    let ((sword, node), [ann, bob]) = (ground.sword(1).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, from_ref(&ann)).await;
    let counts = || (backend.reads.load(Relaxed), backend.writes.load(Relaxed));
    let (reads, writes) = counts();
    let selected = ground.select(node.next(), &sword, &[ann, bob.clone()]).await;
    assert_eq!(selected.verdicts, [already(1), Verdict::SoldOut]);
    assert_eq!(counts(), (reads + 1, writes));
    let refused = ground.store.release(node.next(), &ground.key(&sword), &bob, EndReason::Released).await;
    assert_eq!((refusal(refused), counts()), (StoreErrorKind::NotHeld, (reads + 2, writes)));
}

#[tokio::test]
async fn a_select_of_more_than_one_write_takes_is_one_select_to_its_caller() {
    let backend = Arc::new(InMemory::<2>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&backend))));
    let ((sword, node), contenders) = (ground.sword(5).await, team("p", 7));
    let call = node.next();
    let selected = ground.select(call, &sword, &contenders).await;
    let firsts = (1..=5).map(granted).chain([Verdict::SoldOut; 2]).collect::<Vec<_>>();
    assert_eq!((&selected.verdicts, selected.is_repeat()), (&firsts, false));
    assert_eq!(backend.writes.load(Relaxed), 4, "it was made, then 2 and 2 and 1");
    let again = ground.select(call, &sword, &contenders).await;
    let firsts = (1..=5).map(already).chain([Verdict::SoldOut; 2]).collect::<Vec<_>>();
    assert_eq!((&again.verdicts, again.is_repeat(), &again.state), (&firsts, true, &selected.state));
}

/// A seat whose holds last 50 ms, in a store whose latency can be changed.
async fn a_seat() -> (Arc<InMemory<2>>, Ground, AssetKey) {
    let documents = Arc::new(InMemory::<2>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&documents))));
    let key = ground.key(&asset("seat"));
    let options = AssetOptions { hold_ms: Some(50), ..AssetOptions::NONE };
    ground.store.create(Node::new().at(0), &key, &NewAsset { units: 2, options }).await.unwrap();
    (documents, ground, key)
}

const LATENCY: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn a_late_copy_of_a_call_ends_nothing() {
    let ((documents, ground, key), [ann, ben]) = (a_seat().await, players(["ann", "ben"]));
    let node = Node::new();
    let answered = node.at(100);
    assert_eq!(ground.store.prolong(answered, &key, &[]).await.unwrap().revision, 0);
    ground.store.select(Node::new().at(0), &key, from_ref(&ann), None).await.unwrap();

    *documents.latency.lock() = LATENCY;
    // Reading takes twice the latency, so this ends before it is written.
    let later = ground.store.select(node.at(0), &key, from_ref(&ben), None);
    timeout(LATENCY.mul_f64(2.5), later).await.unwrap_err();
    assert_eq!(refusal(ground.store.prolong(answered, &key, &[]).await), StoreErrorKind::Unavailable);
    assert_eq!(ground.store.asset(&key).await.unwrap().revision, 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_not_answered_from_what_was_read_before_it_was_decided() {
    let ((documents, ground, key), [ann]) = (a_seat().await, players(["ann"]));
    ground.store.select(Node::new().at(0), &key, from_ref(&ann), None).await.unwrap();

    let call = Node::new().at(0);
    let confirm = || async { ground.store.confirm(call, &key, &ann, false).await.unwrap().into_inner() };
    *documents.latency.lock() = LATENCY;
    let has_read = async {
        sleep(LATENCY.mul_f64(1.5)).await;
        *documents.latency.lock() = Duration::ZERO;
        ground.store.expire(Node::new().at(50), &key).await.unwrap();
        confirm().await
    };
    let (slow, quick) = join(confirm(), has_read).await;
    assert_eq!((slow.changed, &slow.grant, slow.state.revision), (false, &None, 2), "the hold expired");
    assert_eq!(slow, quick);
}

/// The second copy of a duplicated write is answered as stale.
#[tokio::test]
async fn a_write_that_was_made_after_all_is_found_by_its_own_call() {
    let backend = Arc::new(InMemory::<2>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&backend))));
    let ((sword, node), [ann]) = (ground.sword(2).await, players(["ann"]));
    *backend.trick.lock() = Some(|_| {});
    let selected = ground.select(node.next(), &sword, from_ref(&ann)).await;
    assert_eq!((&*selected.verdicts, selected.is_repeat()), (&[already(1)][..], true));

    // The winners are unknown from now on.
    *backend.trick.lock() = Some(|document| {
        let Counter { units, revision, .. } = document.counter;
        let gone =
            Counter { remaining: 0, held: 0, removed: true, revision: revision + 1, ..counter(units, 0, 0) };
        document.counter = Counter { origin: document.counter.origin, ..gone };
        document.holders.clear();
        document.changes = format!("{} 63:1", document.changes).parse().unwrap();
    });
    let (call, bob) = (node.next(), [player("bob")]);
    let key = ground.key(&sword);
    let select = || ground.store.select(call, &key, &bob, None);
    assert_eq!(refusal(select().await), StoreErrorKind::OutcomeUnknown);
    assert_eq!(refusal(select().await), StoreErrorKind::UnknownAsset);
}

#[tokio::test]
async fn more_units_than_the_store_can_hold_are_refused_with_the_number() {
    let ground = Ground::new(whole());
    let (sword, node) = (asset("sword"), Node::new());
    let (store, key) = (&ground.store, ground.key(&sword));
    let said = |error: crate::store::StoreError| {
        assert_eq!(error.kind(), StoreErrorKind::LimitReached);
        error.to_string()
    };
    let too_many = store.create(node.next(), &key, &NewAsset::plain(MOST + 1)).await.unwrap_err();
    assert_eq!(said(too_many), "documents: asset sword cannot have more than 1000 units in this store");
    ground.create(node.next(), &sword, MOST).await;
    let one_more = store.restock(node.next(), &key, 1, None).await.unwrap_err();
    assert!(said(one_more).contains("1000 units"));
}

#[tokio::test]
async fn what_is_not_ours_is_named() {
    let backend = Arc::new(InMemory::<2>::new());
    let ground = Ground::new(Arc::new(Optimistic::new(Arc::clone(&backend))));
    let ((sword, node), contenders) = (ground.sword(3).await, players(["ann", "bob"]));
    ground.select(node.next(), &sword, &contenders).await;
    let set = |change: &dyn Fn(&mut Document)| {
        let mut rooms = backend.rooms.lock();
        let text = rooms.get_mut(&ground.room).unwrap().get_mut(&sword).unwrap();
        let (before, mut document) = (text.clone(), parsed(text));
        change(&mut document);
        *text = serde_json::to_string(&document).unwrap();
        before
    };
    type Oddity = fn(&mut Document);
    let changes: [(Oddity, &str); 6] = [
        (|odd| odd.counter.remaining = 2, "what remains"),
        (|odd| odd.counter.removed = true, "removed"),
        (|odd| odd.holders.truncate(1), "more or fewer holders"),
        (|odd| odd.holders.reverse(), "order"),
        (|odd| odd.holders[1].revision = 9, "newer"),
        (|odd| odd.counter.creation = 2, "older"),
    ];
    for (change, part) in changes {
        let before = set(&change);
        for error in [
            ground.store.select(node.next(), &ground.key(&sword), &contenders, None).await.unwrap_err(),
            ground.store.asset(&ground.key(&sword)).await.unwrap_err(),
            ground.store.snapshot(&ground.room).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            assert!(
                error.to_string().contains("asset sword of room") && error.to_string().contains(part),
                "{error}"
            );
        }
        set(&|odd| *odd = parsed(&before));
        assert_eq!(ground.state(&sword).await.held, 2);
    }
}

fn grant(name: &str, revision: u64) -> Grant {
    Grant::plain(player(name), 1_700_000_000_000, revision)
}

fn counter(units: Units, held: Units, revision: u64) -> Counter {
    let (remaining, created_units) = (units - held, units);
    let (origin, creation, removed, terms) = (u64::MAX, 0, false, None);
    Counter { units, remaining, held, revision, origin, creation, created_units, removed, terms }
}

#[test]
fn a_document_is_small_and_comes_back_as_it_was() {
    let of = |count: u64, long: usize| {
        let holder = |i| grant(&format!("{i:0long$}"), i).into();
        let (held, changes) = (count as Units, ["ffffffffffffffff:f4240"; 32].join(" ").parse().unwrap());
        let holders = (1..=count).map(holder).collect();
        Document {
            counter: counter(held, held, count),
            holders,
            changes,
            events: AssetOutbox::default(),
            gone: false,
        }
    };
    for (count, long, most) in [(0, 1, 1_000), (1000, 12, 50_000), (1000, 64, 101_000), (10_000, 64, 1_100_000)]
    {
        let document = of(count, long);
        let text = serde_json::to_string(&document).unwrap();
        assert!(text.len() < most, "{count} holders with names of {long} letters: {} bytes", text.len());
        assert_eq!(parsed(&text), document);
    }
    let text = serde_json::to_string(&of(1, 1)).unwrap();
    assert!(
        text.contains("\"origin\":-1,") && text.contains("{\"p\":\"1\",\"t\":1700000000000,\"r\":1}"),
        "{text}"
    );
    assert!(!text.contains("events") && !text.contains("gone"), "as before there were events: {text}");
}

#[test]
fn a_document_is_kept_for_its_events() {
    let sword = Document {
        counter: counter(2, 1, 1),
        holders: vec![grant("ann", 1).into()],
        changes: "1:1".parse().unwrap(),
        events: AssetOutbox::default(),
        gone: false,
    };
    assert_eq!(sword.clone().without_asset(), None);
    let text = "00000000000000ab/0000000000000001/1/granted/7/2/1////ann";
    let events: AssetOutbox = std::iter::once(text.parse().unwrap()).collect();
    let left = Document { events: events.clone(), ..sword }.without_asset().unwrap();
    assert_eq!((&left.events, left.gone, left.holders.len(), left.counter.removed), (&events, true, 0, true));
    let json = serde_json::to_string(&left).unwrap();
    assert!(json.contains(&format!("\"events\":[\"{text}\"],\"gone\":true")), "{json}");
    assert_eq!(parsed(&json).sound(usize::MAX), Ok(left));
    assert!(serde_json::from_str::<Document>(&json.replace("granted", "won")).is_err());
}
