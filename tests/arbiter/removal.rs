//! A room that an operator removes, on all nodes that have it.

use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    bus::{BusMessage, Incoming},
    model::{AssetState, ErrorCode, NewAsset, ServerMessage, Units},
    store::{Call, NodeId, Store},
};
use tokio::time::sleep;

use super::{
    net::Net,
    world::{Answer, Client, World, arena, elsewhere, grant, granted, key, name, sword, without_resync},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

#[tokio::test(start_paused = true)]
async fn a_removed_room_is_gone_on_every_node_and_begins_anew() {
    let net = Net::new(7);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    here.arbiter.create(&arena(), &sword(), NewAsset::plain(2)).await.unwrap();
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 1 });
    assert_eq!(bob.find(grant).await, (name("ann"), 1));
    here.arbiter.remove_room(&arena()).await.unwrap();
    sleep(A_MOMENT).await;
    for client in [&ann, &bob] {
        assert!(client.member.is_room_removed());
    }
    drop((ann, bob));
    // What each node knew is gone with it: nothing is left to be mistaken for what comes now.
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    for client in [&mut ann, &mut bob] {
        let welcome = client.welcome();
        assert_eq!((welcome.assets.unwrap(), welcome.held.unwrap()), (Vec::new(), Vec::new()));
    }
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::UnknownAsset));
    there.arbiter.create(&arena(), &sword(), NewAsset::plain(1)).await.unwrap();
    assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 0 });
    assert_eq!(ann.find(grant).await, (name("bob"), 1));
    assert_eq!(ann.select().await, Answer::SoldOut);
}

/// On another node, straight into the shared store: the room is removed, the sword made again, and those players take
/// a unit each; the state it comes to, and what that node would tell of each grant.
async fn begin_anew(world: &World, units: Units, takers: &[&str]) -> (AssetState, Vec<BusMessage>) {
    world.truth.remove_room(&arena()).await.unwrap();
    let mut state =
        world.truth.create(elsewhere(1), &key(), &NewAsset::plain(units)).await.unwrap().into_inner().state;
    let mut told = Vec::new();
    for (taker, seq) in takers.iter().zip(2..) {
        let taken = world.truth.select(elsewhere(seq), &key(), &[name(taker)], None).await.unwrap();
        state = taken.into_inner().state;
        told.push(granted(&state, taker, seq));
    }
    (state, told)
}

/// One node of many, with an asset of `units`, of which ann has one.
async fn held_by_ann(units: Units, resync_interval: Duration) -> (World, Client) {
    let world = World::shared(Config { resync_interval, ..Config::default() });
    world.create(units).await;
    let mut ann = world.join("ann").await;
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: units - 1 });
    ann.now();
    (world, ann)
}

/// Those who hold the sword, as a snapshot says.
fn holders(message: &ServerMessage) -> Option<Vec<String>> {
    let ServerMessage::Snapshot { assets, .. } = message else { return None };
    let sword = assets.iter().find(|state| state.asset == sword())?;
    Some(sword.holders.iter().map(|grant| grant.player.to_string()).collect())
}

#[tokio::test(start_paused = true)]
async fn one_that_was_made_again_unheard_of_is_seen_by_the_next_comparison_whatever_its_revision() {
    for (units, takers) in [(1, &["bob"][..]), (9, &["bob", "cid"]), (9, &[])] {
        let (world, mut ann) = held_by_ann(units, Duration::from_secs(5)).await;
        begin_anew(&world, units, takers).await;
        assert_eq!(ann.find(holders).await, takers, "{units} units");
        let revision = takers.len() as u64 + 1;
        let left = (units - takers.len() as Units).checked_sub(1);
        let expected = left.map_or(Answer::SoldOut, |remaining| Answer::Granted { revision, remaining });
        assert_eq!(ann.select().await, expected, "ann holds nothing any more");
        assert_eq!(world.regressions(), 1, "as if writes had been lost");
    }
}

#[tokio::test(start_paused = true)]
async fn events_of_the_next_one_are_not_taken_for_more_of_the_last() {
    // By their revisions the one would be old, and the other the next.
    for heard in [0, 1] {
        let (world, mut ann) = held_by_ann(9, Duration::from_secs(3600)).await;
        let (_, told) = begin_anew(&world, 9, &["bob", "cid"]).await;
        world.bus.deliver(told[heard].clone()).await;
        assert_eq!(ann.now(), []);
        assert_eq!(ann.find(holders).await, ["bob", "cid"]);
    }
}

#[tokio::test(start_paused = true)]
async fn late_events_of_the_last_one_change_nothing() {
    let world = World::shared(without_resync());
    let (_, late) = begin_anew(&world, 9, &["ann", "bob"]).await;
    let call = Call { node: NodeId(8), seq: 1, at: 0, by: None };
    world.truth.remove_room(&arena()).await.unwrap();
    world.truth.create(call, &key(), &NewAsset::plain(9)).await.unwrap();
    let mut cid = world.join("cid").await;
    assert_eq!(cid.select().await, Answer::Granted { revision: 1, remaining: 8 });
    cid.now();
    for event in late {
        world.bus.deliver(event).await;
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(cid.now(), []);
    assert_eq!(world.arbiter.room(&arena()).await.unwrap().assets[0].held, 1);
    assert!(
        world.faulty.calls().asset <= 2,
        "the store was asked which one is stored, and not again and again"
    );
}

/// What is told over a bus by different nodes has no order.
#[tokio::test(start_paused = true)]
async fn news_of_a_removal_that_comes_after_that_of_the_next_room_is_no_loss_of_the_store() {
    let (world, ann) = held_by_ann(9, Duration::from_secs(3600)).await;
    let (state, told) = begin_anew(&world, 9, &["bob", "cid"]).await;
    for event in told {
        world.bus.deliver(event).await;
    }
    world.bus.deliver(BusMessage::RoomRemoved).await;
    assert!(ann.member.is_room_removed());
    drop(ann);
    sleep(Duration::from_secs(2)).await;
    let mut dan = world.join("dan").await;
    let [shown] = &dan.welcome().assets.unwrap()[..] else { panic!("the sword alone") };
    assert_eq!((shown.revision, shown.held), (state.revision, state.held));
    assert_eq!(world.regressions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_comparison_that_comes_between_a_removal_and_the_news_of_it_finds_no_loss_of_the_store() {
    for news in [true, false] {
        let (world, _ann) = held_by_ann(9, Duration::from_secs(3600)).await;
        world.truth.remove_room(&arena()).await.unwrap();
        world.bus.send(Incoming::Reconnected).await;
        sleep(A_MOMENT).await;
        if news {
            world.bus.deliver(BusMessage::RoomRemoved).await;
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(world.regressions(), u64::from(!news), "told of the removal: {news}");
    }
}

#[tokio::test(start_paused = true)]
async fn that_an_asset_was_sold_out_is_not_known_of_the_next_one() {
    let config = Config { sold_out_ttl: Duration::from_secs(60), ..Config::default() };
    let world = World::new(config);
    world.create(1).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 0 });
    assert_eq!(bob.select().await, Answer::SoldOut);
    world.arbiter.remove_room(&arena()).await.unwrap();
    drop((ann, bob));
    world.create(2).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 1 });
    assert_eq!(bob.select().await, Answer::Granted { revision: 2, remaining: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_is_suspected_and_then_repaired_is_counted_once() {
    let (world, mut ann) = held_by_ann(9, Duration::from_secs(3600)).await;
    world.truth.remove_room(&arena()).await.unwrap();
    world.truth.create(elsewhere(1), &key(), &NewAsset::plain(9)).await.unwrap();
    world.bus.send(Incoming::Reconnected).await;
    sleep(A_MOMENT).await;
    // The answer shows the loss, too, and the view is reloaded and as far again, before the suspicion is looked into.
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 8 });
    assert_eq!(ann.find(holders).await, ["ann"]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.regressions(), 1);
}
