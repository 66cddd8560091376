//! Missing is not new: what a node has seen and the store has no more is never made again by a select.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    bus::{BusMessage, Incoming},
    model::{AssetName, Change, ErrorCode, Event, NewAsset, ServerMessage, Units},
    store::{Store, faulty::Faults},
};
use tokio::time::{Instant, sleep};

use super::{
    net::Net,
    world::{Answer, Client, World, answer, arena, elsewhere, grant, key, name, sword, without_resync},
};

/// Longer than the news of a removal is waited for, and far less than the interval of resyncs.
const A_WHILE: Duration = Duration::from_secs(1);

const UNKNOWN: Answer = Answer::Error(ErrorCode::UnknownAsset);

/// The ways in which a select creates an asset; the bow is made by nobody.
fn ways(units: Units) -> [Config; 2] {
    let templates = [(sword(), units), (name("bow"), 1)];
    let templates = templates.map(|(asset, units)| (asset, Arc::new(NewAsset::plain(units)))).to_vec();
    [Config { templates, ..without_resync() }, Config { auto_create: Some(units), ..without_resync() }]
}

/// One that ann has a unit of, and bob looks on.
async fn held_by_ann(config: Config, shared: bool) -> (World, Client, Client) {
    let world = if shared { World::shared(config) } else { World::new(config) };
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    assert!(matches!(ann.select().await, Answer::Granted { revision: 1, .. }));
    drop((ann.now(), bob.now()));
    (world, ann, bob)
}

/// What happens to a store that is flushed, restarted without persistence or failed over to an empty replica.
async fn empty(world: &World) {
    world.truth.remove_room(&arena()).await.unwrap();
}

fn shown(message: &ServerMessage) -> Option<Vec<(AssetName, u64)>> {
    let ServerMessage::Snapshot { assets, .. } = message else { return None };
    Some(assets.iter().map(|state| (state.asset.clone(), state.revision)).collect())
}

async fn select_over_http(world: &World, asset: &str) -> Answer {
    answer(&world.arbiter.select(&arena(), &name(asset), &name("cid")).await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_given_away_is_not_made_again_in_a_store_that_was_emptied() {
    for (config, shared) in ways(1).into_iter().flat_map(|config| [(config.clone(), true), (config, false)]) {
        let (world, mut ann, mut bob) = held_by_ann(config, shared).await;
        empty(&world).await;
        let since = Instant::now();
        assert_eq!(bob.select().await, UNKNOWN, "so says the store");
        assert!(since.elapsed() <= Duration::from_millis(150), "{:?}", since.elapsed());
        assert_eq!(world.regressions(), 1, "the loss is noticed before the answer");
        for client in [&mut ann, &mut bob] {
            assert_eq!(
                client.find(shown).await,
                [],
                "the store is the truth, and units that nobody can get are not shown"
            );
        }
        for asset in ["sword", "bow"] {
            assert_eq!(
                select_over_http(&world, asset).await,
                UNKNOWN,
                "{asset}: nothing is made until an operator looked"
            );
        }
        assert!(world.arbiter.room(&arena()).await.unwrap().assets.is_empty());
        assert!(world.truth.snapshot(&arena()).await.unwrap().is_empty());
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 1, "it is counted once");
    }
}

#[tokio::test(start_paused = true)]
async fn every_asset_is_missed_but_the_loss_is_counted_once() {
    let [config, _] = ways(1);
    let (world, _ann, mut bob) = held_by_ann(config, true).await;
    bob.member.select(name("bow"), None, Instant::now());
    assert!(matches!(bob.find(answer).await, Answer::Granted { .. }));
    empty(&world).await;
    let (sword, bow) = tokio::join!(select_over_http(&world, "sword"), select_over_http(&world, "bow"));
    assert_eq!((sword, bow), (UNKNOWN, UNKNOWN));
    assert_eq!(world.regressions(), 1);
}

#[tokio::test(start_paused = true)]
async fn selects_that_wait_behind_one_that_was_answered_make_nothing() {
    for config in ways(1) {
        let world = World::shared(config);
        let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
        world.faulty.slow(Duration::from_millis(100));
        ann.member.select(sword(), None, Instant::now());
        sleep(Duration::from_millis(50)).await;
        bob.member.select(sword(), None, Instant::now());
        assert_eq!(ann.find(answer).await, Answer::Granted { revision: 1, remaining: 0 });
        // The next call is on its way.
        empty(&world).await;
        assert_eq!(bob.find(answer).await, UNKNOWN);
        assert_eq!(world.regressions(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_while_a_call_is_repeated_is_not_made_by_the_next_attempt() {
    let [config, _] = ways(1);
    let world = World::shared(config);
    let mut bob = world.join("bob").await;
    world.faulty.refuse();
    bob.member.select(sword(), None, Instant::now());
    sleep(Duration::from_millis(5)).await;
    let change = Change::granted(name("ann"), 1, 1);
    let told = Event { asset: sword(), origin: 7, revision: 1, remaining: 0, change };
    world.bus.deliver(BusMessage::Event(told)).await;
    world.faulty.resume();
    assert_eq!(bob.find(answer).await, UNKNOWN);
    assert!(world.truth.snapshot(&arena()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_is_not_made_again_either() {
    for config in ways(1) {
        let (world, _ann, mut bob) = held_by_ann(config, true).await;
        world.arbiter.remove_asset(&arena(), &sword()).await.unwrap();
        assert_eq!((bob.select().await, world.regressions()), (UNKNOWN, 0), "a tombstone is no loss");
        empty(&world).await;
        assert_eq!((bob.select().await, world.regressions()), (UNKNOWN, 1), "but its loss is");
        assert!(world.truth.snapshot(&arena()).await.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_node_removed_is_no_loss() {
    for config in ways(1) {
        let (world, _ann, mut bob) = held_by_ann(config, true).await;
        world.truth.remove_asset(elsewhere(1), &key()).await.unwrap();
        assert_eq!(bob.select().await, UNKNOWN);
        let removed =
            |message: &ServerMessage| matches!(message, ServerMessage::AssetRemoved { .. }).then_some(());
        bob.find(removed).await;
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_only_heard_of_ahead_of_a_gap_is_not_made() {
    for config in ways(1) {
        let world = World::shared(config);
        let mut bob = world.join("bob").await;
        let change = Change::granted(name("ann"), 9, 1);
        let second = Event { asset: sword(), origin: 7, revision: 2, remaining: 7, change };
        world.bus.deliver(BusMessage::Event(second)).await;
        assert_eq!(bob.select().await, UNKNOWN);
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 1, "somebody was told that it is stored, and it is not");
        assert_eq!(bob.select().await, UNKNOWN);
        assert!(world.truth.snapshot(&arena()).await.unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_store_without_an_event_is_seen_too() {
    for config in ways(1) {
        let world = World::shared(config);
        let mut bob = world.join("bob").await;
        let ann = [name("ann")];
        world.truth.select(elsewhere(1), &key(), &ann, Some(Arc::new(NewAsset::plain(1)))).await.unwrap();
        assert_eq!(bob.select().await, Answer::SoldOut);
        empty(&world).await;
        assert_eq!(bob.select().await, UNKNOWN, "the view had no time to learn of it");
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_heard_late_of_a_room_that_was_removed_is_no_loss_and_keeps_nobody_from_the_next() {
    let [config, _] = ways(1);
    let (world, ann, bob) = held_by_ann(config, true).await;
    let said =
        world.bus.said.lock().iter().rfind(|said| matches!(said, BusMessage::Event(_))).cloned().unwrap();
    world.arbiter.remove_room(&arena()).await.unwrap();
    drop((ann, bob));
    let BusMessage::Event(event) = said else { unreachable!() };
    world.bus.deliver(BusMessage::Event(Event { revision: 2, ..event })).await;
    sleep(A_WHILE).await;
    assert!(matches!(select_over_http(&world, "sword").await, Answer::Granted { .. }));
    assert_eq!(world.regressions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_an_operator_removes_on_another_node_is_no_loss_if_its_news_comes_in_time() {
    for config in ways(1) {
        let (world, mut ann, bob) = held_by_ann(config, true).await;
        empty(&world).await;
        let news = async {
            sleep(Duration::from_millis(20)).await;
            world.bus.deliver(BusMessage::RoomRemoved).await;
        };
        ann.member.select(sword(), None, Instant::now());
        let (over_http, ()) = tokio::join!(select_over_http(&world, "sword"), news);
        assert!(
            matches!(over_http, Answer::Granted { revision: 1, .. }),
            "everything begins anew: {over_http:?}"
        );
        assert_eq!(ann.find(answer).await, UNKNOWN, "who was sent away gets nothing in the next one");
        assert!(ann.member.is_room_removed() && bob.member.is_room_removed());
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 0);
        assert_eq!(world.truth.asset(&key()).await.unwrap().held, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_a_call_nobody_knows_the_outcome_of_says_so_and_the_loss_is_noticed() {
    for config in ways(2) {
        let (world, _ann, mut bob) = held_by_ann(config, true).await;
        world.faulty.set_faults(Faults { lost_after: 1.0, ..Faults::default() });
        bob.member.select(sword(), None, Instant::now());
        sleep(Duration::from_millis(2)).await;
        world.faulty.set_faults(Faults::default());
        empty(&world).await;
        assert_eq!(bob.find(answer).await, Answer::Error(ErrorCode::OutcomeUnknown));
        assert_eq!(world.regressions(), 1);
        assert_eq!(bob.select().await, UNKNOWN);
    }
}

#[tokio::test(start_paused = true)]
async fn every_other_change_notices_that_its_asset_is_missing() {
    for kind in ["release", "restock", "remove"] {
        let [config, _] = ways(2);
        let (world, mut ann, _bob) = held_by_ann(config, true).await;
        empty(&world).await;
        let refused = match kind {
            "release" => {
                ann.member.release(sword(), None, Instant::now());
                ann.find(answer).await
            }
            "restock" => {
                Answer::Error(world.arbiter.restock(&arena(), &sword(), 1, None).await.unwrap_err().code)
            }
            _ => Answer::Error(world.arbiter.remove_asset(&arena(), &sword()).await.unwrap_err().code),
        };
        assert_eq!((refused, world.regressions()), (UNKNOWN, 1), "{kind}");
        assert_eq!(ann.find(shown).await, [], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_makes_it_anew_does_not_hide_the_loss() {
    for config in ways(1) {
        let (world, mut ann, mut bob) = held_by_ann(config, true).await;
        empty(&world).await;
        // So that those who are told have the time to look.
        world.faulty.slow(Duration::from_millis(5));
        let (room, sword) = (arena(), sword());
        let (made, told) =
            tokio::join!(world.arbiter.create(&room, &sword, NewAsset::plain(1)), ann.find(shown));
        assert_eq!((made.unwrap().created, world.regressions()), (true, 1));
        assert_eq!(told, [], "the loss is told before the new one");
        let anew = |message: &ServerMessage| match message {
            ServerMessage::AssetChanged { revision, .. } => Some(*revision),
            _ => shown(message).map(|shown| shown[0].1),
        };
        assert_eq!(ann.find(anew).await, 0);
        assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 0 }, "an operator said so");
        assert_eq!(select_over_http(&world, "bow").await, UNKNOWN, "that was not the room's removal");
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_again_at_any_revision_is_noticed_by_the_next_answer() {
    // As it was known here: at revision 2, sold out.
    for takers in [&["x"][..], &["x", "y"], &["x", "y", "z"]] {
        let [config, _] = ways(2);
        let (world, mut ann, mut bob) = held_by_ann(config, true).await;
        assert_eq!(bob.select().await, Answer::Granted { revision: 2, remaining: 0 });
        drop((ann.now(), bob.now()));
        empty(&world).await;
        let units = takers.len() as Units;
        for (taker, seq) in takers.iter().zip(1..) {
            world
                .truth
                .select(elsewhere(seq), &key(), &[name(taker)], Some(Arc::new(NewAsset::plain(units))))
                .await
                .unwrap();
        }
        assert_eq!(select_over_http(&world, "sword").await, Answer::SoldOut);
        assert_eq!(ann.find(shown).await, [(sword(), takers.len() as u64)], "{takers:?}");
        sleep(A_WHILE).await;
        assert_eq!(world.regressions(), 1, "{takers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_again_is_noticed_by_an_operator_who_finds_it_as_it_should_be() {
    let [config, _] = ways(1);
    let (world, mut ann, _bob) = held_by_ann(config, true).await;
    empty(&world).await;
    world.truth.select(elsewhere(1), &key(), &[name("x")], Some(Arc::new(NewAsset::plain(1)))).await.unwrap();
    assert!(!world.arbiter.create(&arena(), &sword(), NewAsset::plain(1)).await.unwrap().created);
    assert_eq!(ann.find(shown).await, [(sword(), 1)]);
    assert_eq!(world.regressions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_room_nobody_is_in_remembers_what_it_gave_away() {
    for config in ways(1) {
        let (world, ann, bob) = held_by_ann(config, true).await;
        drop((ann, bob));
        empty(&world).await;
        assert_eq!(select_over_http(&world, "sword").await, UNKNOWN);
        assert_eq!(world.regressions(), 1);
        // Nor does one who comes back see or get what others were told is gone.
        let mut bob = world.join("bob").await;
        assert_eq!(bob.welcome().assets.unwrap(), []);
        assert_eq!(bob.select().await, UNKNOWN);
    }
}

/// However long nobody is there: an operator has to look.
#[tokio::test(start_paused = true)]
async fn no_select_makes_anything_until_an_operator_removed_the_room() {
    for on_another_node in [false, true] {
        for config in ways(1) {
            let (world, ann, mut bob) = held_by_ann(config, true).await;
            empty(&world).await;
            assert_eq!(bob.select().await, UNKNOWN);
            drop((ann, bob));
            sleep(Duration::from_secs(3600)).await;
            let mut bob = world.join("bob").await;
            assert_eq!(bob.welcome().assets.unwrap(), []);
            assert_eq!(bob.select().await, UNKNOWN);
            drop(bob);
            sleep(Duration::from_secs(3600)).await;
            if on_another_node {
                world.bus.deliver(BusMessage::RoomRemoved).await;
            } else {
                world.arbiter.remove_room(&arena()).await.expect("though nothing is stored and nobody there");
            }
            assert!(world.bus.rooms.lock().is_empty(), "nobody listens any more");
            assert!(matches!(select_over_http(&world, "sword").await, Answer::Granted { revision: 1, .. }));
            assert_eq!(world.regressions(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_saw_is_made_by_its_first_select_also_in_a_store_that_was_emptied() {
    for config in ways(1) {
        let world = World::shared(config);
        let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
        empty(&world).await;
        assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 0 });
        assert_eq!(bob.select().await, Answer::SoldOut);
        assert_eq!(world.regressions(), 0);
    }
}

/// A node that comes new cannot know; one that saw it notices, and counts it once.
#[tokio::test(start_paused = true)]
async fn a_node_that_never_saw_it_may_make_it_and_the_one_that_did_notices() {
    for config in ways(1) {
        let net = Net::new(3);
        let saw = net.start(config.clone());
        let mut ann = saw.join("ann").await;
        assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 0 });
        ann.now();
        net.store().remove_room(&arena()).await.unwrap();
        let new = net.start(config);
        let mut bob = new.join("bob").await;
        assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 0 });
        assert_eq!(ann.find(shown).await, [(sword(), 1)], "what the store has now, and who");
        assert_eq!(ann.select().await, Answer::SoldOut);
        assert_eq!(bob.now().iter().filter_map(grant).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_comparison_and_a_select_that_miss_it_at_the_same_time_count_one_loss() {
    let [config, _] = ways(1);
    let (world, mut ann, mut bob) = held_by_ann(config, true).await;
    empty(&world).await;
    world.bus.send(Incoming::Reconnected).await;
    assert_eq!(bob.select().await, UNKNOWN);
    assert_eq!(ann.find(shown).await, []);
    sleep(A_WHILE).await;
    assert_eq!(world.regressions(), 1);
}
