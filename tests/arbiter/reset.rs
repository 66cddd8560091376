//! A reset of a room, over nodes and a bus that promises nothing.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    model::{AssetName, ErrorCode, NewAsset, ServerMessage},
    store::{Store, faulty::Faults},
};
use tokio::time::sleep;

use super::{
    net::Net,
    world::{Answer, Client, World, arena, elsewhere, key, name, pick, sword},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

/// Longer than two comparisons with the store.
const RESYNCED: Duration = Duration::from_secs(12);

/// The units, the remaining units and the revision that the room is told of next.
async fn changed(client: &mut Client) -> (u32, u32, u64) {
    client
        .find(pick!(&ServerMessage::AssetChanged { units, remaining, revision, .. } => (units, remaining, revision)))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_one_change_of_each_asset_and_told_on_every_node() {
    let net = Net::new(3);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    let bow: AssetName = name("bow");
    here.arbiter.create(&arena(), &sword(), NewAsset::plain(1)).await.expect("created");
    here.arbiter.create(&arena(), &bow, NewAsset::plain(2)).await.expect("created");
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    assert!(matches!(ann.select().await, Answer::Granted { revision: 1, .. }));
    here.arbiter.restock(&arena(), &sword(), 4, None).await.expect("restocked");
    for client in [&mut ann, &mut bob] {
        assert_eq!(changed(client).await, (5, 4, 2));
    }
    assert_eq!(there.arbiter.reset_room(&arena()).await.expect("reset"), [bow, sword()]);
    for client in [&mut ann, &mut bob] {
        let mut told = [changed(client).await, changed(client).await];
        told.sort_unstable();
        assert_eq!(told, [(1, 1, 3), (2, 2, 1)]);
        assert_eq!(client.member.ended(), None, "members stay");
    }
    assert!(matches!(bob.select().await, Answer::Granted { revision: 4, remaining: 0 }));
    assert_eq!(ann.select().await, Answer::SoldOut, "ann's unit was released");
    sleep(A_MOMENT).await;
    for node in [&here, &there] {
        let room = node.arbiter.room(&arena()).await.expect("it is active");
        let sword = room.assets.iter().find(|state| state.asset == sword()).expect("it is there");
        let holders: Vec<_> = sword.holders.iter().map(|grant| grant.player.as_str()).collect();
        assert_eq!(holders, ["bob"]);
    }
    let again = here.join("ann").await.welcome();
    assert_eq!(again.held, Some(Vec::new()));
}

/// The node that heard nothing finds one event where it can, and sends a snapshot where it cannot.
#[tokio::test(start_paused = true)]
async fn a_reset_that_was_not_heard_of_is_found_in_the_store() {
    for selects_after in [0, 1] {
        let world = World::shared(Config::default());
        world.create(3).await;
        let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
        ann.select().await;
        bob.select().await;
        sleep(RESYNCED).await;
        ann.now();
        world.truth.reset(elsewhere(1), &key()).await.expect("reset");
        for seq in 2..2 + selects_after {
            world.truth.select(elsewhere(seq), &key(), &[name("cyd")], None).await.expect("selected");
        }
        sleep(RESYNCED).await;
        let stored = world.truth.snapshot(&arena()).await.expect("read");
        assert_eq!(world.arbiter.room(&arena()).await.expect("active").assets, stored);
        let told = ann.now();
        let by_frame = told.iter().any(|message| {
            matches!(message, ServerMessage::AssetChanged { units: 3, remaining: 3, revision: 3, .. })
        });
        let by_snapshot = told.iter().any(|message| matches!(message, ServerMessage::Snapshot { .. }));
        assert!(by_frame != by_snapshot && by_frame == (selects_after == 0), "{selects_after}: {told:?}");
        assert_eq!(world.regressions(), 0);
        assert_eq!(world.join("ann").await.welcome().held, Some(Vec::new()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_is_reset_once_whatever_becomes_of_the_calls() {
    for seed in 0..30 {
        let world = World::with(Config::default(), seed, Faults::default(), false);
        world.create(2).await;
        let mut clients = [world.join("ann").await, world.join("bob").await];
        for client in &mut clients {
            client.select().await;
        }
        world.faulty.set_faults(Faults::rough());
        assert_eq!(world.arbiter.reset_room(&arena()).await.expect("asked again"), [sword()], "SEED={seed}");
        world.faulty.settled().await;
        let state = world.truth.asset(&key()).await.expect("stored");
        assert_eq!((state.revision, state.held, state.remaining), (3, 0, 2), "SEED={seed}");
        for client in &mut clients {
            assert_eq!(changed(client).await, (2, 2, 3), "SEED={seed}");
        }
        assert_eq!(world.regressions(), 0, "SEED={seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_reset() {
    let world =
        World::new(Config { templates: vec![(sword(), Arc::new(NewAsset::plain(2)))], ..Config::default() });
    let unknown = world.arbiter.reset_room(&arena()).await.expect_err("nobody is there");
    assert_eq!(unknown.code, ErrorCode::UnknownRoom);
    let mut ann = world.join("ann").await;
    assert!(world.arbiter.reset_room(&arena()).await.expect("nothing to do").is_empty(), "a template is whole");
    ann.select().await;
    assert_eq!(world.arbiter.reset_room(&arena()).await.expect("reset"), [sword()]);
    world.arbiter.remove_asset(&arena(), &sword()).await.expect("removed");
    assert!(world.arbiter.reset_room(&arena()).await.expect("reset").is_empty(), "nor is what was removed");
    assert!(world.truth.reset(elsewhere(1), &key()).await.is_err());
    world.create(1).await;
    world.faulty.refuse();
    let refused = world.arbiter.reset_room(&arena()).await.expect_err("the store is away");
    assert_eq!(refused.code, ErrorCode::StoreUnavailable);
}
