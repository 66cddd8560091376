//! Events of other nodes: in revision order, each once, and gaps are closed from the store.

use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    bus::{BusMessage, Incoming},
    model::{Change, EndReason, Event, NewAsset, ServerMessage},
    store::{Call, NodeId, Store},
};
use tokio::time::Instant;

use super::world::{Answer, Client, World, arena, grant, granted, key, name, pick, sword, without_resync};

/// Another node's select, straight into the shared store; the event it would tell is given back.
async fn elsewhere(world: &World, player: &str) -> BusMessage {
    let seq = 1 + world.truth.asset(&key()).await.unwrap().revision;
    let call = Call { node: NodeId(7), seq, at: seq, by: None };
    let players = [name(player)];
    let selected = world.truth.select(call, &key(), &players, None).await.unwrap();
    granted(&selected.state, player, seq)
}

async fn shared() -> (World, Client) {
    let world = World::shared(Config::default());
    world.create(9).await;
    let mut ann = world.join("ann").await;
    ann.welcome();
    (world, ann)
}

#[tokio::test(start_paused = true)]
async fn late_and_repeated_events_are_sent_once_in_order() {
    let (world, mut ann) = shared().await;
    let (one, two) = (elsewhere(&world, "x").await, elsewhere(&world, "y").await);
    world.bus.deliver(two.clone()).await;
    assert!(ann.now().is_empty(), "the second waits for the first");
    world.bus.deliver(one.clone()).await;
    world.bus.deliver(one).await;
    world.bus.deliver(two).await;
    let told: Vec<_> = ann.now().iter().filter_map(grant).map(|(_, revision)| revision).collect();
    assert_eq!(told, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_event_is_read_from_the_store_and_sent_as_its_own_frame() {
    let (world, mut ann) = shared().await;
    elsewhere(&world, "x").await;
    let two = elsewhere(&world, "y").await;
    world.bus.deliver(two).await;
    assert_eq!(ann.find(grant).await, (name("x"), 1));
    assert_eq!(ann.find(grant).await, (name("y"), 2));
}

#[tokio::test(start_paused = true)]
async fn an_own_grant_ahead_of_a_lost_event_is_answered_at_once_and_sent_after_it() {
    let (world, mut ann) = shared().await;
    elsewhere(&world, "x").await;
    assert_eq!(ann.select().await, Answer::Granted { revision: 2, remaining: 7 }, "a reply is never delayed");
    assert_eq!(ann.find(grant).await, (name("x"), 1));
    assert_eq!(ann.find(grant).await, (name("ann"), 2));
}

#[tokio::test(start_paused = true)]
async fn a_grant_without_an_event_is_found_by_resync() {
    let (world, mut ann) = shared().await;
    elsewhere(&world, "x").await;
    assert_eq!(ann.find(grant).await, (name("x"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_creation_without_an_event_is_found_by_resync() {
    let world = World::shared(Config::default());
    let mut ann = world.join("ann").await;
    world
        .truth
        .create(Call { node: NodeId(8), seq: 1, at: 0, by: None }, &key(), &NewAsset::plain(9))
        .await
        .unwrap();
    let seen = pick!(ServerMessage::AssetChanged { revision, units, .. } => (*revision, *units));
    assert_eq!(ann.find(seen).await, (0, 9));
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_comes_back_is_not_trusted() {
    let world = World::shared(without_resync());
    world.create(9).await;
    let mut ann = world.join("ann").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    elsewhere(&world, "x").await;
    world.bus.send(Incoming::Reconnected).await;
    assert_eq!(ann.find(grant).await, (name("x"), 1));
}

#[tokio::test(start_paused = true)]
async fn changes_that_cannot_be_sent_one_by_one_are_sent_as_a_snapshot() {
    let (world, mut ann) = shared().await;
    elsewhere(&world, "x").await;
    let call = |seq| Call { node: NodeId(8), seq, at: 0, by: None };
    world.truth.release(call(1), &key(), &name("x"), EndReason::Released).await.unwrap();
    world.truth.restock(call(2), &key(), 5, None).await.unwrap();
    let seen = pick!(ServerMessage::Snapshot { assets, .. } => (assets[0].revision, assets[0].remaining));
    assert_eq!(ann.find(seen).await, (3, 14));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_is_noticed_and_followed() {
    let world = World::shared(Config { auto_create: Some(1), ..Config::default() });
    world.create(9).await;
    let mut ann = world.join("ann").await;
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    lose_grants(&world).await;
    let seen = pick!(ServerMessage::Snapshot { assets, held, .. } => {
        (assets[0].revision, assets[0].held, held.len())
    });
    assert_eq!(ann.find(seen).await, (0, 0, 0));
    ann.member.select(name("new"), None, Instant::now());
    let code = pick!(ServerMessage::Error { code, .. } => code.as_str());
    assert_eq!(ann.find(code).await, "unknown_asset", "nothing is created by itself until an operator looked");
}

/// A failover lost everything but that the asset was there.
async fn lose_grants(world: &World) {
    world.truth.remove_room(&arena()).await.unwrap();
    world
        .truth
        .create(Call { node: NodeId(9), seq: 1, at: 0, by: None }, &key(), &NewAsset::plain(9))
        .await
        .unwrap();
}

fn whole(message: &ServerMessage) -> Option<Vec<(u64, usize)>> {
    match message {
        ServerMessage::Snapshot { assets, .. } => {
            Some(assets.iter().map(|state| (state.revision, state.holders.len())).collect())
        }
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_is_noticed_by_the_grant_that_fills_it_again() {
    let world = World::shared(without_resync());
    world.create(9).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 8 });
    bob.now();
    lose_grants(&world).await;
    assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 8 }, "the store is the truth");
    let holds = pick!(ServerMessage::Snapshot { assets, held, .. } => {
        (assets[0].holders[0].player.clone(), held.len())
    });
    assert_eq!(ann.find(holds).await, (name("bob"), 0));
    assert_eq!(bob.find(holds).await, (name("bob"), 1));
    assert_eq!(ann.select().await, Answer::Granted { revision: 2, remaining: 7 });
    assert_eq!(bob.find(grant).await, (name("ann"), 2), "all goes on");
    assert_eq!(bob.now().iter().find_map(whole), None, "it was noticed once");
}

#[tokio::test(start_paused = true)]
async fn every_change_notices_that_the_store_went_back() {
    let told =
        [("release", vec![(2, 0)]), ("restock", vec![(2, 1)]), ("create", vec![(0, 0)]), ("remove", vec![])];
    for (kind, told) in told {
        let world = World::shared(without_resync());
        world.create(9).await;
        let mut ann = world.join("ann").await;
        for player in ["x", "y", "ann"] {
            world.arbiter.select(&arena(), &sword(), &name(player)).await;
        }
        lose_grants(&world).await;
        elsewhere(&world, "ann").await;
        match kind {
            "release" => ann.member.release(sword(), None, Instant::now()),
            "restock" => drop(world.arbiter.restock(&arena(), &sword(), 1, None).await.unwrap()),
            "remove" => drop(world.arbiter.remove_asset(&arena(), &sword()).await.unwrap()),
            _ => {
                world.truth.remove_room(&arena()).await.unwrap();
                world.arbiter.create(&arena(), &sword(), NewAsset::plain(9)).await.unwrap();
            }
        }
        assert_eq!(ann.find(whole).await, told, "{kind}");
    }
}

/// A select that is on its way while its room is removed finds a new life of it, and that is no loss.
#[tokio::test(start_paused = true)]
async fn no_alarm_is_raised_by_a_room_that_is_removed() {
    let world = World::shared(Config { auto_create: Some(9), ..without_resync() });
    let select = async |asset: &str| world.arbiter.select(&arena(), &name(asset), &name("ann")).await;
    select("sword").await;
    world.faulty.slow(Duration::from_millis(200));
    let late = async {
        // Sent before the removal takes effect, and done after it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        select("sword").await
    };
    let room = arena();
    let (removed, late) = tokio::join!(world.arbiter.remove_room(&room), late);
    removed.unwrap();
    for granted in [late, select("new").await] {
        assert!(matches!(granted, ServerMessage::Selection { granted: true, revision: 1, .. }), "{granted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_alarm_is_raised_by_changes_that_overtake_a_resync() {
    let (world, mut ann) = shared().await;
    world.faulty.slow(Duration::from_millis(300));
    for n in 0..8 {
        // Each resync's read is slower than the changes around it.
        let event = elsewhere(&world, &format!("x{n}")).await;
        world.bus.deliver(event).await;
        tokio::time::sleep(Duration::from_millis(1700)).await;
    }
    let told = ann.now();
    assert!(!told.iter().any(|message| matches!(message, ServerMessage::Snapshot { .. })), "{told:?}");
    assert_eq!(told.iter().filter_map(grant).count(), 8);
}

#[tokio::test(start_paused = true)]
async fn own_changes_are_published_to_the_other_nodes() {
    let (world, mut ann) = shared().await;
    ann.select().await;
    let said = world.bus.said.lock().clone();
    assert!(
        said.iter().any(|message| matches!(
            message,
            BusMessage::Event(Event { revision: 1, change: Change::Granted { .. }, .. })
        )),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_store_has_lost_is_not_asked_for_again_and_again() {
    let (world, mut ann) = shared().await;
    for player in ["x", "y", "z"] {
        elsewhere(&world, player).await;
    }
    assert_eq!(ann.select().await, Answer::Granted { revision: 4, remaining: 5 });
    // It waits for the events before it; by the time they are looked for, nothing of it is stored.
    world.truth.remove_room(&arena()).await.unwrap();
    world
        .truth
        .create(Call { node: NodeId(7), seq: 9, at: 9, by: None }, &key(), &NewAsset::plain(9))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let reads = world.faulty.calls().asset;
    assert!(reads < 10, "{reads} reads");
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 8 });
}

/// It is read whole by the next who wants it.
#[tokio::test(start_paused = true)]
async fn a_room_that_could_not_be_read_repairs_nothing_and_goes() {
    let world = World::shared(Config { select_deadline: Duration::from_secs(1), ..Config::default() });
    world.faulty.refuse();
    assert!(world.try_join(Some("ann"), None).await.is_err());
    world.faulty.resume();
    world.faulty.slow(Duration::from_millis(1));
    world
        .truth
        .create(Call { node: NodeId(8), seq: 1, at: 0, by: None }, &key(), &NewAsset::plain(9))
        .await
        .unwrap();
    let event = elsewhere(&world, "x").await;
    world.bus.deliver(event).await;
    world.bus.send(Incoming::Reconnected).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.faulty.calls().asset, 0, "nobody needs it");
    assert!(world.bus.rooms.lock().is_empty(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn what_came_while_a_room_was_read_and_still_has_a_gap_is_repaired() {
    let world = World::shared(without_resync());
    let made = world
        .truth
        .create(Call { node: NodeId(8), seq: 1, at: 0, by: None }, &key(), &NewAsset::plain(9))
        .await
        .unwrap();
    world.faulty.slow(Duration::from_millis(200));
    let second = Change::granted(name("y"), 9, 2);
    let second = Event::of(&made.state, 2, 7, second);
    let (mut ann, ()) = tokio::join!(world.join("ann"), async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.bus.deliver(BusMessage::Event(second)).await;
    });
    elsewhere(&world, "x").await;
    elsewhere(&world, "y").await;
    assert_eq!(ann.find(grant).await, (name("x"), 1));
    assert_eq!(ann.find(grant).await, (name("y"), 2));
}
