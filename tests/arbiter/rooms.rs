//! Readers fall behind, rooms are let go.

use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    model::{NewAsset, ServerMessage},
    store::{AssetKey, Call, NodeId, Store},
};

use super::world::{World, arena, grant, name, sword};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_a_snapshot() {
    let world = World::new(Config { room_log: 16, ..Config::default() });
    world.create(1000).await;
    let (mut slow, mut quick) = (world.join("slow").await, world.join("quick").await);
    slow.select().await;
    slow.now();
    quick.now();
    let mut told = 0;
    for n in 0..500 {
        world.arbiter.select(&arena(), &sword(), &name(&format!("p{n}"))).await;
        told += quick.now().iter().filter_map(grant).count();
    }
    assert_eq!(told, 500, "the others are told all along");
    let messages = slow.now();
    let [ServerMessage::Snapshot { assets, held, part: 1, parts: 1, .. }] = messages.as_slice() else {
        panic!("one snapshot, not {messages:?}")
    };
    assert_eq!((assets[0].held, assets[0].revision), (501, 501));
    assert_eq!(held, &[sword()]);
    world.arbiter.select(&arena(), &sword(), &name("last")).await;
    assert_eq!(slow.now().iter().filter_map(grant).count(), 1, "and then it follows the log again");
}

#[tokio::test(start_paused = true)]
async fn rooms_do_not_leak() {
    let world = World::new(Config { room_linger: Duration::from_secs(30), max_rooms: 1, ..Config::default() });
    world.create(1).await;
    let mut ann = world.join("ann").await;
    let epoch = ann.welcome().epoch;
    drop(ann);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(world.join("ann").await.welcome().epoch, epoch, "it lingers");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(world.bus.rooms.lock().is_empty(), "nobody listens any more");
    assert_ne!(world.join("ann").await.welcome().epoch, epoch, "and then it goes");
}

#[tokio::test(start_paused = true)]
async fn a_room_with_members_stays() {
    let world = World::new(Config::default());
    let mut ann = world.join("ann").await;
    let epoch = ann.welcome().epoch;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.join("bob").await.welcome().epoch, epoch);
}

/// However short the time after which a store lets unused rooms go; a view that lingers is used by whoever comes back.
#[tokio::test(start_paused = true)]
async fn a_room_that_is_active_does_not_expire_in_the_store() {
    for (seconds, stays) in [(2, true), (30, true), (180, true), (2, false), (180, false)] {
        let ttl = Duration::from_secs(seconds);
        let room_linger = Duration::from_secs(if stays { 30 } else { 3600 });
        let world = World::expiring(ttl, Config { room_linger, ..Config::default() });
        let (call, unused) = (Call { node: NodeId(9), seq: 1, at: 1, by: None }, name("unused"));
        world
            .truth
            .create(call, &AssetKey::new(&unused, &sword()), &NewAsset::plain(1))
            .await
            .expect("created");
        world.create(1).await;
        let ann = world.join("ann").await;
        let ann = stays.then_some(ann);
        // The store looks for expired rooms when one is made.
        tokio::time::sleep(ttl + Duration::from_secs(120)).await;
        world.arbiter.create(&name("other"), &sword(), NewAsset::plain(1)).await.expect("created");
        assert_eq!(world.truth.snapshot(&arena()).await.expect("answered").len(), 1, "{ttl:?}");
        assert!(world.truth.snapshot(&unused).await.expect("answered").is_empty(), "{ttl:?}");
        drop(ann);
    }
}

#[tokio::test(start_paused = true)]
async fn a_welcome_tells_what_the_player_holds_also_beyond_the_first_holders() {
    let world = World::new(Config::default());
    world.create(100).await;
    for n in 0..50 {
        world.arbiter.select(&arena(), &sword(), &name(&format!("p{n}"))).await;
    }
    let welcome = world.join("p49").await.welcome();
    assert_eq!(welcome.held.unwrap(), [sword()]);
    assert_eq!(welcome.assets.unwrap()[0].holders.len(), 32);
}
