//! Members come and go, readers fall behind, rooms are let go.

use std::time::Duration;

use asset_arbiter::{
    arbiter::{Config, Resume},
    model::{ErrorCode, ServerMessage},
    store::{AssetKey, Call, NodeId, Store},
};

use super::world::{Answer, World, answer, arena, grant, name, pick, sword};

fn resume(epoch: &str, offset: u64) -> Option<Resume> {
    Some(Resume { epoch: epoch.to_owned(), offset })
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_within_the_log_gets_exactly_what_it_missed() {
    let world = World::new(Config::default());
    world.create(9).await;
    let mut watcher = world.try_join(None, None).await.unwrap();
    let welcome = watcher.welcome();
    for dropped in [welcome.offset, welcome.offset + 1] {
        let mut ann = world.join("ann").await;
        ann.welcome();
        ann.select().await;
        let seen = watcher.now();
        let mut back = world.try_join(None, resume(&welcome.epoch, dropped)).await.unwrap();
        let again = back.welcome();
        assert!(again.recovered && again.assets.is_none());
        assert_eq!(again.offset, dropped);
        let missed = back.now();
        assert!(missed.ends_with(&seen), "{missed:?} must end with {seen:?}");
        let head = welcome.offset + missed.len() as u64 + (dropped - welcome.offset);
        let mut nothing = world.try_join(None, resume(&welcome.epoch, head)).await.unwrap();
        assert!(nothing.welcome().recovered, "zero frames missed is recovered, too");
        assert!(nothing.now().is_empty());
        drop(ann);
        watcher.now();
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_log_or_in_another_life_of_it_the_whole_state_is_given() {
    let world = World::new(Config { room_log: 16, ..Config::default() });
    world.create(100).await;
    let mut watcher = world.try_join(None, None).await.unwrap();
    let welcome = watcher.welcome();
    for n in 0..20 {
        world.arbiter.select(&arena(), &sword(), &name(&format!("p{n}"))).await;
    }
    let head = welcome.offset + 20;
    for stale in
        [resume(&welcome.epoch, welcome.offset), resume("another", head), resume(&welcome.epoch, head + 1)]
    {
        let mut back = world.try_join(None, stale).await.unwrap();
        let again = back.welcome();
        assert!(!again.recovered);
        assert_eq!(again.assets.unwrap()[0].held, 20);
        assert_eq!(again.offset, head);
    }
}

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
        let (call, unused) = (Call { node: NodeId(9), seq: 1, at: 1 }, name("unused"));
        world.truth.create(call, &AssetKey::new(&unused, &sword()), 1).await.expect("created");
        world.create(1).await;
        let ann = world.join("ann").await;
        let ann = stays.then_some(ann);
        // The store looks for expired rooms when one is made.
        tokio::time::sleep(ttl + Duration::from_secs(120)).await;
        world.arbiter.create(&name("other"), &sword(), 1).await.expect("created");
        assert_eq!(world.truth.snapshot(&arena()).await.expect("answered").len(), 1, "{ttl:?}");
        assert!(world.truth.snapshot(&unused).await.expect("answered").is_empty(), "{ttl:?}");
        drop(ann);
    }
}

#[tokio::test(start_paused = true)]
async fn full_is_full_and_a_leave_makes_place() {
    let world = World::new(Config { max_members: 2, max_rooms: 1, ..Config::default() });
    let ann = world.join("ann").await;
    let _bob = world.join("bob").await;
    let error = world.try_join(Some("cat"), None).await.err().expect("full");
    assert_eq!(error.close.number(), 4113);
    let refusal = world.arbiter.create(&name("other"), &sword(), 1).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LimitReached);
    drop(ann);
    world.join("cat").await;
}

#[tokio::test(start_paused = true)]
async fn a_removed_room_sends_its_members_away_and_starts_anew() {
    let world = World::new(Config::default());
    world.create(1).await;
    let mut ann = world.join("ann").await;
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    world.arbiter.remove_room(&arena()).await.unwrap();
    assert!(ann.member.is_room_removed());
    drop(ann);
    let mut bob = world.join("bob").await;
    assert!(bob.welcome().assets.unwrap().is_empty());
    assert_eq!(bob.select().await, Answer::Error(ErrorCode::UnknownAsset));
    drop(bob);
    assert_eq!(world.arbiter.remove_room(&arena()).await.unwrap_err().code, ErrorCode::UnknownRoom);
}

#[tokio::test(start_paused = true)]
async fn an_observer_hears_everything_and_selects_nothing() {
    let world = World::new(Config::default());
    world.create(1).await;
    let mut observer = world.try_join(None, None).await.unwrap();
    let welcome = observer.welcome();
    assert_eq!((welcome.player, welcome.players), (None, 0));
    observer.member.select(sword(), None);
    assert_eq!(observer.find(answer).await, Answer::Error(ErrorCode::Forbidden));
    world.join("ann").await.select().await;
    assert_eq!(observer.find(grant).await.1, 1);
}

#[tokio::test(start_paused = true)]
async fn presence_is_by_name_in_small_rooms_and_by_count_in_large_ones() {
    let world = World::new(Config { presence_limit: 2, ..Config::default() });
    let mut watcher = world.try_join(None, None).await.unwrap();
    watcher.welcome();
    let ann = world.join("ann").await;
    let again = world.join("ann").await;
    let bob = world.join("bob").await;
    let told = watcher.now();
    assert!(
        matches!(
            told.as_slice(),
            [ServerMessage::PlayerJoined { players: 1, .. }, ServerMessage::PlayerJoined { players: 2, .. }]
        ),
        "{told:?}"
    );
    let cat = world.join("cat").await;
    assert!(watcher.now().is_empty());
    let count = pick!(ServerMessage::Players { players, .. } => *players);
    assert_eq!(watcher.find(count).await, 3);
    drop((again, cat));
    let present = pick!(ServerMessage::Snapshot { present, .. } => present.len());
    assert_eq!(watcher.find(present).await, 2, "small again: all names");
    drop(ann);
    assert!(matches!(watcher.now().as_slice(), [ServerMessage::PlayerLeft { players: 1, .. }]));
    drop(bob);
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
