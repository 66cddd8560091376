//! Grants that end, over nodes and a store that goes wrong, in virtual time.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus,
    model::{AssetOptions, EndReason, ErrorCode, Millis, NewAsset, PlayerName, ServerMessage},
    store::{
        MemoryStore, Result, Store, StoreTime,
        faulty::{Faults, Faulty},
        layer::Layer,
    },
};
use async_trait::async_trait;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    net::Net,
    world::{Answer, Client, World, arena, elsewhere, key, name, pick, sword, without_resync},
};

/// How late an end may be told: what nodes of one store leave each other, a tick of the clock, and the bus.
const PROMPT: Duration = Duration::from_millis(250);

/// Nodes of one test start their clocks one after the other, in real time.
const STARTED_WITHIN: Duration = Duration::from_millis(100);

/// How much later than `due` it is since then, and not earlier.
fn later_than(since: Instant, due: Duration) -> Duration {
    let elapsed = since.elapsed();
    assert!(elapsed + STARTED_WITHIN >= due, "{elapsed:?}");
    elapsed.saturating_sub(due)
}

fn hold(ms: u64) -> AssetOptions {
    AssetOptions { hold_ms: Some(ms), ..AssetOptions::NONE }
}

fn leave(ms: u64) -> AssetOptions {
    AssetOptions { leave_ms: Some(ms), ..AssetOptions::NONE }
}

async fn create(arbiter: &Arc<Arbiter>, units: u32, options: AssetOptions) {
    let created = arbiter.create(&arena(), &sword(), NewAsset { units, options }).await.expect("created");
    assert!(created.created);
}

/// Who lost a grant next, why, and at which revision.
async fn released(client: &mut Client) -> (String, EndReason, u64) {
    let told = pick!(ServerMessage::AssetReleased { player, reason, revision, .. } => (player.to_string(), *reason, *revision));
    client.find(told).await
}

/// Whether the confirmation succeeded, and whether it did so before.
async fn confirms(client: &mut Client, retake: bool) -> (bool, bool) {
    client.member.confirm(sword(), retake, None, Instant::now());
    client.find(pick!(&ServerMessage::Confirmation { confirmed, already_confirmed, .. } => (confirmed, already_confirmed))).await
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_once_on_every_node_in_time() {
    let net = Net::new(1);
    let (here, there) = (net.start(without_resync()), net.start(without_resync()));
    create(&here.arbiter, 2, hold(3000)).await;
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    let since = Instant::now();
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 1 });
    assert_eq!(bob.select().await, Answer::Granted { revision: 2, remaining: 0 });
    assert_eq!(confirms(&mut bob, false).await, (true, false));
    assert_eq!(confirms(&mut bob, false).await, (true, true));
    for client in [&mut ann, &mut bob] {
        assert_eq!(released(client).await, ("ann".to_owned(), EndReason::Expired, 4));
        let late = later_than(since, Duration::from_secs(3));
        assert!(late <= PROMPT, "{late:?}");
    }
    sleep(Duration::from_secs(60)).await;
    for client in [&mut ann, &mut bob] {
        let more: Vec<_> =
            client.now().into_iter().filter(|it| matches!(it, ServerMessage::AssetReleased { .. })).collect();
        assert_eq!(more, [], "once");
    }
    let stored = net.store().asset(&key()).await.unwrap();
    assert_eq!((stored.revision, stored.held), (4, 1));
    assert_eq!(confirms(&mut ann, false).await, (false, false), "too late");
    assert_eq!(confirms(&mut ann, true).await, (true, false), "a unit is left");
}

#[tokio::test(start_paused = true)]
async fn an_end_is_in_time_though_no_bus_tells_of_the_grant() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryStore::default()), 1, Faults::default()).as_shared());
    let start = |seed| Arbiter::start(Config::default(), store.clone(), bus::open("local:").unwrap(), seed);
    let (here, there) = (start(1), start(2));
    create(&here, 1, hold(12_000)).await;
    let join = async |node, player| Client::join(node, Some(player), None).await.expect("joined");
    let (mut ann, mut bob) = (join(&here, "ann").await, join(&there, "bob").await);
    let since = Instant::now();
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    // The other node hears of the grant by a comparison with the store, and of its deadline with it.
    for client in [&mut ann, &mut bob] {
        assert_eq!(released(client).await, ("ann".to_owned(), EndReason::Expired, 2));
        let late = later_than(since, Duration::from_secs(12));
        assert!(late <= PROMPT, "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_loses_replies_ends_a_grant_once() {
    for seed in 0..200 {
        let faults = Faults { lost_after: 0.4, lost_before: 0.2, ..Faults::default() };
        let world = World::with(Config::default(), seed, Faults::default(), false);
        create(&world.arbiter, 1, hold(500)).await;
        let mut ann = world.join("ann").await;
        assert!(matches!(ann.select().await, Answer::Granted { .. }));
        world.faulty.set_faults(faults);
        assert_eq!(released(&mut ann).await, ("ann".to_owned(), EndReason::Expired, 2), "SEED={seed}");
        sleep(Duration::from_secs(10)).await;
        let stored = world.truth.asset(&key()).await.unwrap();
        assert_eq!((stored.revision, stored.held), (2, 0), "SEED={seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_that_races_the_deadline_is_one_or_the_other_for_everybody() {
    let world = World::new(Config::default());
    create(&world.arbiter, 1, hold(100)).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    let mut outcomes = [0, 0];
    for round in 0..10_000_u64 {
        let begun = Instant::now();
        assert!(matches!(ann.select().await, Answer::Granted { .. }), "round {round}");
        sleep_until(begun + Duration::from_millis(98 + round % 5)).await;
        let (confirmed, _) = confirms(&mut ann, false).await;
        outcomes[usize::from(confirmed)] += 1;
        if confirmed {
            let told = pick!(ServerMessage::AssetConfirmed { player, .. } => player.to_string());
            assert_eq!(bob.find(told).await, "ann");
            sleep(Duration::from_millis(200)).await;
            let ends = bob.now().into_iter().any(|it| matches!(it, ServerMessage::AssetReleased { .. }));
            assert!(!ends, "round {round}: what is confirmed stays");
            ann.member.release(sword(), None, Instant::now());
            assert_eq!(released(&mut bob).await.1, EndReason::Released);
        } else {
            assert_eq!(released(&mut bob).await.1, EndReason::Expired, "round {round}");
        }
        bob.now();
    }
    assert!(outcomes.iter().all(|times| *times > 1000), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_there_keeps_the_grant_and_who_left_loses_it() {
    let net = Net::new(4);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    create(&here.arbiter, 3, leave(3000)).await;
    let (mut ann, mut bob, mut cat) = (here.join("ann").await, there.join("bob").await, here.join("cat").await);
    for client in [&mut ann, &mut bob, &mut cat] {
        assert!(matches!(client.select().await, Answer::Granted { .. }));
    }
    sleep(Duration::from_secs(60)).await;
    let seen = cat.now();
    assert!(
        !seen.iter().any(|it| matches!(it, ServerMessage::AssetReleased { .. })),
        "all are there: {seen:?}"
    );
    drop((ann, bob));
    let left = Instant::now();
    sleep(Duration::from_millis(1500)).await;
    let mut bob = here.join("bob").await;
    let (player, reason, _) = released(&mut cat).await;
    assert_eq!((player.as_str(), reason), ("ann", EndReason::Left));
    let after = left.elapsed();
    assert!((Duration::from_millis(1900)..=Duration::from_millis(3250)).contains(&after), "{after:?}");
    sleep(Duration::from_secs(30)).await;
    assert!(matches!(bob.select().await, Answer::AlreadyHeld { .. }), "bob came back in time, to another node");
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_node_held_for_its_players_ends_on_the_others() {
    let net = Net::new(5);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    create(&here.arbiter, 2, leave(3000)).await;
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    assert!(matches!(bob.select().await, Answer::Granted { .. }));
    sleep(Duration::from_secs(10)).await;
    net.cut(&here);
    drop((ann, here));
    let killed = Instant::now();
    let (player, reason, _) = released(&mut bob).await;
    assert_eq!((player.as_str(), reason), ("ann", EndReason::Left));
    assert!(killed.elapsed() <= Duration::from_secs(3) + PROMPT, "{:?}", killed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_nobody_had_open_is_settled_by_whoever_opens_it() {
    let net = Net::new(6);
    let first = net.start(without_resync());
    create(&first.arbiter, 1, hold(1000)).await;
    let mut ann = first.join("ann").await;
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    let second = net.start(without_resync());
    drop((ann, first));
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(net.store().asset(&key()).await.unwrap().held, 1, "nobody was there to end it");
    let mut bob = second.join("bob").await;
    assert_eq!(bob.select().await, Answer::Granted { revision: 3, remaining: 0 });
    let told = released(&mut bob).await;
    assert_eq!(told, ("ann".to_owned(), EndReason::Expired, 2));
}

#[tokio::test(start_paused = true)]
async fn a_room_with_a_deadline_ahead_stays_loaded_and_goes_afterwards() {
    let world = World::new(Config { room_linger: Duration::from_secs(30), ..Config::default() });
    create(&world.arbiter, 1, hold(600_000)).await;
    let player: PlayerName = name("ann");
    world.arbiter.select(&arena(), &sword(), &player).await;
    sleep(Duration::from_secs(300)).await;
    let reads = world.faulty.calls().snapshot;
    sleep(Duration::from_secs(301)).await;
    assert_eq!(world.truth.asset(&key()).await.unwrap().held, 0, "it ended though nobody was in the room");
    assert_eq!(world.faulty.calls().snapshot, reads, "the room was loaded all the time");
    sleep(Duration::from_secs(60)).await;
    world.join("bob").await;
    assert!(world.faulty.calls().snapshot > reads, "it was unloaded then");
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_is_extended_ends_later_for_everybody() {
    let net = Net::new(8);
    let config = Config { max_hold: Duration::from_secs(5), ..without_resync() };
    let (here, there) = (net.start(config.clone()), net.start(config));
    create(&here.arbiter, 1, hold(3000)).await;
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    let since = Instant::now();
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    sleep(Duration::from_millis(2500)).await;
    ann.member.extend(sword(), None, Instant::now());
    let ttl = ann.find(pick!(&ServerMessage::Extension { ttl_ms, .. } => ttl_ms)).await;
    assert_eq!(ttl, 2500, "no longer than --max-hold after the grant");
    let told = bob.find(pick!(&ServerMessage::AssetExtended { ttl_ms, .. } => ttl_ms)).await;
    assert_eq!(told, Some(2500));
    assert_eq!(released(&mut bob).await, ("ann".to_owned(), EndReason::Expired, 3));
    let late = later_than(since, Duration::from_secs(5));
    assert!(late <= PROMPT, "{late:?}");
}

/// Nobody holds the asset, so the numbers are the same before and after.
#[tokio::test(start_paused = true)]
async fn an_asset_that_began_anew_unheard_is_shown_anew() {
    for is_reset in [true, false] {
        let world = World::shared(Config::default());
        create(&world.arbiter, 1, hold(1000)).await;
        let mut ann = world.join("ann").await;
        assert_eq!(ann.welcome().assets.unwrap()[0].revision, 0);
        if is_reset {
            world.truth.reset(elsewhere(1), &key()).await.unwrap();
        } else {
            world.truth.remove_asset(elsewhere(1), &key()).await.unwrap();
            let again = NewAsset { units: 1, options: hold(1000) };
            assert!(world.truth.create(elsewhere(2), &key(), &again).await.unwrap().created);
        }
        let stored = world.truth.asset(&key()).await.unwrap().revision;
        let shown = ann.find(pick!(ServerMessage::Snapshot { assets, .. } => assets[0].revision)).await;
        assert_eq!(shown, stored, "after a reset: {is_reset}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_comer_sees_how_long_a_hold_lasts() {
    let world = World::new(Config::default());
    create(&world.arbiter, 1, hold(10_000)).await;
    let mut ann = world.join("ann").await;
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    for (after, left) in [(0, 10_000), (4000, 6000), (3000, 3000)] {
        sleep(Duration::from_millis(after)).await;
        let mut bob = world.join("bob").await;
        let welcome = bob.welcome();
        let asset = &welcome.assets.as_ref().unwrap()[0];
        let ttl = asset.holders[0].ttl_ms.unwrap();
        assert!(ttl.abs_diff(left) <= 100, "{ttl} of {left}");
        assert_eq!(asset.holders[0].until.unwrap() - welcome.server_time, left);
        assert_eq!(asset.terms.as_ref().unwrap().options.hold_ms, Some(10_000));
    }
}

/// When the clock of [`Timed`] starts.
const NOW: Millis = 1_795_000_000_000;

/// A store with a clock.
struct Timed {
    inner: Arc<dyn Store>,
    since: Instant,
}

#[async_trait]
impl Layer for Timed {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        let now = NOW + self.since.elapsed().as_millis() as Millis;
        Ok(Some(now..=now))
    }
}

/// A node over a store that all share, whose clock is so far ahead.
fn start_ahead(store: &Arc<dyn Store>, ms: i64) -> Arc<Arbiter> {
    let config = Config { clock_starts_at: Some(NOW.saturating_add_signed(ms)), ..Config::default() };
    Arbiter::start(config, Arc::clone(store), bus::open("local:").unwrap(), ms.unsigned_abs())
}

fn timed_store() -> Arc<dyn Store> {
    let shared: Arc<dyn Store> =
        Arc::new(Faulty::new(Arc::new(MemoryStore::default()), 1, Faults::default()).as_shared());
    Arc::new(Timed { inner: shared, since: Instant::now() })
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_clock_is_far_off_decides_about_no_asset_whose_grants_end() {
    for (ahead, refuses) in [(500, false), (-2000, false), (10_000, true), (-3_600_000, true)] {
        let store = timed_store();
        let (right, wrong) = (start_ahead(&store, 0), start_ahead(&store, ahead));
        create(&right, 1, hold(60_000)).await;
        sleep(Duration::from_secs(1)).await;
        let player: PlayerName = name("ann");
        let options = hold(60_000);
        let created = wrong.create(&arena(), &name("bow"), NewAsset { units: 1, options }).await;
        let plain = wrong.create(&arena(), &name("axe"), NewAsset::plain(1)).await;
        assert!(plain.is_ok(), "{ahead}: what has no deadline does not care");
        let selected = wrong.select(&arena(), &sword(), &player).await;
        match selected {
            ServerMessage::Error { code: ErrorCode::StoreUnavailable, message, temporary: true, .. }
                if refuses =>
            {
                assert!(message.contains("clock"), "{message}");
                assert_eq!(created.unwrap_err().code, ErrorCode::StoreUnavailable);
            }
            ServerMessage::Selection { granted: true, .. } if !refuses => assert!(created.is_ok()),
            other => panic!("{ahead}: {other:?}"),
        }
        let right = right.select(&arena(), &sword(), &name("bob")).await;
        assert!(
            matches!(right, ServerMessage::Selection { granted, .. } if granted == refuses),
            "{ahead}: {right:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_differ_end_a_grant_early_or_late_by_as_much_and_once() {
    for ahead in [-2000, -500, 500, 2000] {
        let store = timed_store();
        let (right, wrong) = (start_ahead(&store, 0), start_ahead(&store, ahead));
        create(&right, 1, hold(10_000)).await;
        let mut ann = Client::join(&right, Some("ann"), None).await.expect("joined");
        let mut bob = Client::join(&wrong, Some("bob"), None).await.expect("joined");
        let since = Instant::now();
        assert!(matches!(ann.select().await, Answer::Granted { .. }));
        for client in [&mut ann, &mut bob] {
            assert_eq!(released(client).await, ("ann".to_owned(), EndReason::Expired, 2), "{ahead}");
        }
        let (after, off) = (since.elapsed(), Duration::from_millis(ahead.unsigned_abs()));
        let expected = Duration::from_secs(10);
        assert!(expected <= after + off, "{ahead}: {after:?}");
        assert!(after <= expected + off + PROMPT, "{ahead}: {after:?}");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(store.asset(&key()).await.unwrap().revision, 2, "{ahead}: once");
    }
}
