//! Every store keeps the contract; and the suite is shown to notice stores that do not.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod conformance;

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use asset_arbiter::store::{Call, MemoryStore, Store, faulty::Faults};
use futures::FutureExt;

use conformance::{
    BACKLOG, HISTORY, all, broken, events_under_faults,
    flawed::{Flaw, Flawed},
    ground::{Ground, Node, asset},
    promise_under_faults, seeds, suite, suite_under_faults, suite_with_events,
};

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(None))
}

fn memory_with_events() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(None).with_events(Some(BACKLOG)).with_history(Some(HISTORY)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract() {
    suite(memory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_with_events_keeps_the_contract() {
    suite_with_events(memory_with_events).await;
}

#[tokio::test(start_paused = true)]
async fn memory_with_events_keeps_the_contract_under_faults() {
    events_under_faults(memory_with_events, Faults::rough(), seeds(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_is_shared_by_all_properties_keeps_the_contract() {
    let shared = memory();
    suite(|| Arc::clone(&shared)).await;
}

/// A room that nobody uses for the time to live goes, when another is made; one that is kept stays.
#[tokio::test]
async fn a_room_of_memory_expires_when_nobody_uses_it() {
    let (store, minute) = (Arc::new(MemoryStore::new(Some(Duration::from_secs(3600)))), 60_000);
    let [unused, kept, newcomer] = [(); 3].map(|()| Ground::new(Arc::clone(&store) as Arc<dyn Store>));
    let (node, sword) = (Node::new(), asset("sword"));
    let begin = node.next();
    for room in [&unused, &kept] {
        room.create(begin, &sword, 1).await;
    }
    for minutes in [30, 59] {
        store.touch(&kept.room, begin.at + minutes * minute).await.unwrap();
    }
    newcomer.create(Call { at: begin.at + 59 * minute, ..begin }, &sword, 1).await;
    assert_eq!(unused.snapshot().await.len(), 1, "not yet");
    let late = Ground::new(Arc::clone(&store) as Arc<dyn Store>);
    late.create(Call { at: begin.at + 61 * minute, ..begin }, &sword, 1).await;
    assert!(unused.snapshot().await.is_empty());
    assert_eq!((kept.snapshot().await.len(), newcomer.snapshot().await.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract_under_faults() {
    suite_under_faults(memory, Faults::rough(), seeds(100)).await;
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_promise_under_faults() {
    let seeds = seeds(300);
    let races = seeds.end - seeds.start;
    let met = promise_under_faults(memory, Faults::rough(), seeds).await;
    // Else the races would have proven less than they say. One alone may well meet nothing of a kind.
    let enough =
        met.granted > 20 * races && met.denied > 20 * races && met.given_up > races && met.decided_again > 0;
    assert!(enough || races < 100, "{met:?} in {races} races");
}

/// One property that must be among those that a flaw breaks.
const NOTICED: [(Flaw, &str); 16] = [
    (Flaw::ForgetsCalls, "a_repeated_restock_takes_effect_once"),
    (Flaw::CutsNodeNumbers, "nodes_are_distinguished_whatever_their_numbers"),
    (Flaw::Oversells, "never_more_holders_than_units"),
    (Flaw::RevivesRemoved, "a_removed_asset_is_not_revived_by_a_select"),
    (Flaw::IgnoresConditions, "of_conditional_restocks_one_wins"),
    (Flaw::ReleasesAnything, "only_a_holder_can_release"),
    (Flaw::IgnoresRetakes, "a_late_confirmation_may_take_a_unit_that_is_left"),
    (Flaw::OverlooksAPlayer, "a_player_who_is_there_keeps_the_grant_and_who_left_loses_it"),
    (Flaw::FoldsCase, "names_that_look_alike_are_different_assets"),
    (Flaw::JoinsRooms, "rooms_do_not_touch_each_other"),
    (Flaw::KeepsRooms, "removing_a_room_removes_everything_also_tombstones"),
    (Flaw::HidesAHolder, "a_state_shows_the_first_holders_by_revision"),
    (Flaw::SkipsAHolder, "holders_are_read_in_pages"),
    (Flaw::HidesTombstones, "a_removed_asset_leaves_a_tombstone"),
    (Flaw::MergesRevocations, "revocations_that_differ_in_one_field_are_two"),
    (Flaw::KeepsRevocations, "a_revocation_that_has_ended_is_gone"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_notices_every_flaw() {
    for (flaw, property) in NOTICED {
        let broken = broken(|| Arc::new(Flawed::new(memory(), flaw))).await;
        assert!(broken.contains(&property), "{flaw:?} must break {property}, not only {broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_promise_notices_a_store_that_forgets_calls() {
    let forgetful = || -> Arc<dyn Store> { Arc::new(Flawed::new(memory(), Flaw::ForgetsCalls)) };
    let kept = AssertUnwindSafe(promise_under_faults(forgetful, Faults::rough(), 0..300)).catch_unwind().await;
    assert!(kept.is_err(), "lost replies and late repeats must show");
}

#[test]
fn every_property_has_its_own_name() {
    let names: Vec<_> = all().map(|property| property.name).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
}
