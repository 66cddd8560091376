//! A large room is read part by part, as it was at one position of its log.

use std::sync::Arc;
use std::{collections::BTreeMap, time::Duration};

use asset_arbiter::{
    arbiter::Config,
    model::{AssetName, ErrorCode, NewAsset, PlayerName, RoomName, ServerMessage, payloads},
    store::{AssetKey, Call, NodeId, Store},
};
use tokio::time::Instant;

use super::world::{Client, World, arena, grant, name, sword};

const ASSETS: usize = 400;
const HOLDERS: usize = 20;

fn asset(n: usize) -> AssetName {
    name(&format!("asset-{n:04}"))
}

/// A room of several hundred kilobytes; `ann` holds every third asset.
async fn large(config: Config) -> World {
    let world = World::new(config);
    let others: Vec<PlayerName> = (1..HOLDERS).map(|n| name(&format!("{n:0>60}"))).collect();
    for n in 0..ASSETS {
        let players = if n % 3 == 0 { [&others[..], &[name("ann")]].concat() } else { others.clone() };
        let call = Call { node: NodeId(9), seq: 1 + n as u64, at: 1, by: None };
        let key = AssetKey { room: arena(), asset: asset(n) };
        world.truth.select(call, &key, &players, Some(Arc::new(NewAsset::plain(100)))).await.expect("decided");
    }
    world
}

async fn select(world: &World, n: usize, player: &str) {
    world.arbiter.select(&arena(), &asset(n), &name(player)).await;
}

/// One part and what comes with it.
fn take(client: &mut Client) -> Vec<ServerMessage> {
    let mut frames = Vec::new();
    client.member.take(&mut frames);
    payloads(&frames).map(|message| serde_json::from_slice(message).expect("a message")).collect()
}

/// A snapshot put together.
#[derive(Debug, PartialEq, Eq)]
struct Whole {
    offset: u64,
    held: Vec<AssetName>,
    revisions: BTreeMap<AssetName, u64>,
    parts: usize,
}

impl Whole {
    /// Of messages that begin with its first part; what comes after its last part is left there.
    fn of(messages: &mut Vec<ServerMessage>) -> Self {
        let mut whole = Self { offset: 0, held: Vec::new(), revisions: BTreeMap::new(), parts: 0 };
        for expected in 1.. {
            let ServerMessage::Snapshot { offset, assets, held, part, parts, .. } = messages.remove(0) else {
                panic!("part {expected} of a snapshot")
            };
            assert_eq!(part, expected);
            if part == 1 {
                (whole.offset, whole.parts) = (offset, parts);
            }
            assert_eq!((offset, parts), (whole.offset, whole.parts), "all parts are of one snapshot");
            whole.held.extend(held);
            whole.revisions.extend(assets.into_iter().map(|state| (state.asset, state.revision)));
            if part == parts {
                break;
            }
        }
        whole
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_reads_what_was_there_and_then_what_came_since() {
    let world = large(Config::default()).await;
    let mut ann = Client::join_unread(&world.arbiter, Some("ann")).await;
    let mut messages = take(&mut ann);
    let ServerMessage::Welcome(welcome) = messages.remove(0) else { panic!("a welcome") };
    assert_eq!((welcome.assets.unwrap().len(), welcome.held.unwrap().len()), (0, 0));
    messages.extend(take(&mut ann));
    // Of parts that were sent and of parts that were not.
    for n in [0, 1, ASSETS / 2, ASSETS - 1] {
        select(&world, n, "late").await;
        select(&world, n, "ann").await;
    }
    world.arbiter.remove_asset(&arena(), &asset(ASSETS - 2)).await.unwrap();
    world.arbiter.create(&arena(), &name("asset-0000-new"), NewAsset::plain(1)).await.unwrap();
    messages.extend(ann.now());
    let whole = Whole::of(&mut messages);
    assert!(whole.parts > 10, "{} parts", whole.parts);
    assert_eq!(whole.offset, welcome.offset);
    assert_eq!(whole.held.len(), ASSETS.div_ceil(3), "as they were then");
    let before = |n| HOLDERS as u64 - u64::from(n % 3 != 0);
    assert_eq!(whole.revisions, (0..ASSETS).map(|n| (asset(n), before(n))).collect());
    let offset = |message: &ServerMessage| match message {
        ServerMessage::AssetGranted { offset, .. }
        | ServerMessage::AssetRemoved { offset, .. }
        | ServerMessage::AssetChanged { offset, .. } => *offset,
        other => panic!("not after a snapshot: {other:?}"),
    };
    let offsets: Vec<_> = messages.iter().map(offset).collect();
    assert_eq!(offsets, (1..=offsets.len() as u64).map(|n| whole.offset + n).collect::<Vec<_>>());
    assert_eq!(messages.iter().filter_map(grant).filter(|(player, _)| player.as_str() == "ann").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_falls_off_the_log_while_reading_gets_another_snapshot() {
    let world = large(Config { room_log: 16, ..Config::default() }).await;
    let mut observer = Client::join_unread(&world.arbiter, None).await;
    let mut messages = take(&mut observer);
    let ServerMessage::Welcome(_) = messages.remove(0) else { panic!("a welcome") };
    messages.extend(take(&mut observer));
    for n in 0..40 {
        select(&world, n, "late").await;
    }
    messages.extend(observer.now());
    let (first, second) = (Whole::of(&mut messages), Whole::of(&mut messages));
    assert_eq!(second.offset, first.offset + 40);
    let newer = |n: &usize| second.revisions[&asset(*n)] == first.revisions[&asset(*n)] + 1;
    assert_eq!((0..ASSETS).filter(newer).count(), 40);
    assert!(messages.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_removed_while_it_is_read_sends_its_readers_away() {
    let world = large(Config::default()).await;
    let mut ann = Client::join_unread(&world.arbiter, Some("ann")).await;
    take(&mut ann);
    assert!(matches!(take(&mut ann)[..], [ServerMessage::Snapshot { part: 1, .. }]));
    world.arbiter.remove_room(&arena()).await.unwrap();
    assert!(ann.member.is_room_removed());
    drop(ann);
    assert!(world.join("bob").await.welcome().assets.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn replies_do_not_wait_for_a_snapshot() {
    let world = large(Config::default()).await;
    let mut bob = Client::join_unread(&world.arbiter, Some("bob")).await;
    take(&mut bob);
    take(&mut bob);
    bob.member.select(asset(0), None, Instant::now());
    let messages = take(&mut bob);
    assert!(
        matches!(
            messages[..],
            [ServerMessage::Selection { granted: true, .. }, ServerMessage::Snapshot { part: 2, .. }]
        ),
        "{messages:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_snapshot_a_second_may_be_asked_for_by_who_misses_nothing() {
    let world = World::new(Config { room_log: 16, ..Config::default() });
    world.create(100).await;
    let mut ann = world.join("ann").await;
    ann.now();
    let is_snapshot = |message: &ServerMessage| matches!(message, ServerMessage::Snapshot { .. });
    ann.member.sync().unwrap();
    assert!(ann.now().iter().all(is_snapshot));
    let refusal = ann.member.sync().unwrap_err();
    assert_eq!(refusal.code, ErrorCode::RateLimited);
    assert!(refusal.code.temporary());
    assert!(ann.now().is_empty());
    for n in 0..20 {
        world.arbiter.select(&arena(), &sword(), &name(&format!("p{n}"))).await;
    }
    ann.member.sync().expect("the log has a gap");
    assert_eq!(ann.now().iter().filter(|message| is_snapshot(message)).count(), 1);
    assert_eq!(ann.member.sync().unwrap_err().code, ErrorCode::RateLimited);
    tokio::time::sleep(Duration::from_millis(1001)).await;
    ann.member.sync().unwrap();
    assert!(ann.now().iter().any(is_snapshot));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_joins_share_what_is_encoded() {
    let world = large(Config::default()).await;
    let room: RoomName = arena();
    let mut members = Vec::new();
    for n in 0..1000 {
        members.push(Client::join_unread(&world.arbiter, None).await);
        select(&world, n % ASSETS, "late").await;
    }
    // What they read is made of the same parts but for those that changed in between.
    let one: Vec<_> = world.arbiter.room_json(&room).await.unwrap().assets.map(|part| part.unwrap()).collect();
    let two: Vec<_> = world.arbiter.room_json(&room).await.unwrap().assets.map(|part| part.unwrap()).collect();
    assert!(one.iter().zip(&two).all(|(one, two)| one.as_ptr() == two.as_ptr()), "the same bytes");
    select(&world, 7, "later").await;
    let three: Vec<_> =
        world.arbiter.room_json(&room).await.unwrap().assets.map(|part| part.unwrap()).collect();
    assert_eq!(one.iter().zip(&three).filter(|(one, three)| one.as_ptr() != three.as_ptr()).count(), 1);
}
