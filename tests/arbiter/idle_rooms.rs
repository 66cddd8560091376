//! Rooms that nobody needs take no place, and many of them stall nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::{
    arbiter::{Arbiter, Config, Join},
    bus,
    bus::Incoming,
    model::{ErrorCode, NewAsset, RoomName, ServerMessage},
    store::{MemoryStore, Store},
};
use rustix::time::{ClockId, clock_gettime};

use super::world::{World, arena, name, sword, without_resync};

fn room(n: usize) -> RoomName {
    name(&format!("room-{n}"))
}

fn code(answer: &ServerMessage) -> Option<ErrorCode> {
    match answer {
        ServerMessage::Error { code, .. } => Some(*code),
        _ => None,
    }
}

async fn join(arbiter: &Arc<Arbiter>, room: RoomName) -> asset_arbiter::arbiter::Member {
    let join = Join {
        room,
        player: Some(name("ann")),
        display_name: None,
        resume: None,
        session: "s".into(),
        ping_interval_ms: 1,
        token_ttl_ms: None,
    };
    arbiter.join(join).await.expect("joined")
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_opens_no_room() {
    let world = World::new(Config { max_rooms: 1, ..Config::default() });
    let arbiter = &world.arbiter;
    for n in 0..100 {
        let (room, ann) = (room(n), name("ann"));
        for answer in
            [arbiter.select(&room, &sword(), &ann).await, arbiter.release(&room, &sword(), &ann).await]
        {
            assert_eq!(code(&answer), Some(ErrorCode::UnknownAsset));
        }
        assert_eq!(arbiter.restock(&room, &sword(), 1, None).await.unwrap_err().code, ErrorCode::UnknownAsset);
        assert_eq!(arbiter.remove_asset(&room, &sword()).await.unwrap_err().code, ErrorCode::UnknownAsset);
        assert_eq!(arbiter.room(&room).await.unwrap_err().code, ErrorCode::UnknownRoom);
        assert_eq!(arbiter.remove_room(&room).await.unwrap_err().code, ErrorCode::UnknownRoom);
        assert!(world.bus.rooms.lock().is_empty(), "nobody listens to it");
    }
}

/// Also where selects create assets, and the store has no place for more.
#[tokio::test(start_paused = true)]
async fn a_select_that_creates_nothing_leaves_no_room() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(None).with_max_assets(Some(1)));
    let config = Config { auto_create: Some(1), max_rooms: 2, ..Config::default() };
    let arbiter = Arbiter::start(config, store, bus::open("local:").unwrap(), 1);
    assert_eq!(code(&arbiter.select(&room(0), &sword(), &name("ann")).await), None);
    for n in 1..10 {
        let answer = arbiter.select(&room(n), &sword(), &name("ann")).await;
        assert_eq!(code(&answer), Some(ErrorCode::LimitReached));
        assert!(
            matches!(&answer, ServerMessage::Error { message, .. } if message.contains("--max-stored-assets"))
        );
        assert_eq!(arbiter.room(&room(n)).await.unwrap_err().code, ErrorCode::UnknownRoom);
    }
    arbiter.remove_room(&room(0)).await.unwrap();
    assert_eq!(code(&arbiter.select(&room(1), &sword(), &name("ann")).await), None);
}

#[tokio::test(start_paused = true)]
async fn members_who_come_and_go_fill_nothing() {
    let world = World::new(Config { max_rooms: 1, ..Config::default() });
    for n in 0..20_000 {
        drop(join(&world.arbiter, room(n)).await);
    }
    assert!(world.bus.rooms.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_only_lingers_makes_place() {
    let world = World::new(Config { max_rooms: 2, ..Config::default() });
    for n in 0..10 {
        world.arbiter.create(&room(n), &sword(), NewAsset::plain(1)).await.expect("there is place");
    }
    assert_eq!(*world.bus.rooms.lock(), [room(8), room(9)], "those that were used last linger");
    let _ann = join(&world.arbiter, room(0)).await;
    let _bob = join(&world.arbiter, room(1)).await;
    let refusal = world.arbiter.create(&room(2), &name("bow"), NewAsset::plain(1)).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::LimitReached, "both are used");
    assert_eq!(*world.bus.rooms.lock(), [room(0), room(1)]);
}

/// A game over HTTP alone does not read its room from the store with every call.
#[tokio::test(start_paused = true)]
async fn a_room_in_steady_use_over_http_is_read_once() {
    let world = World::new(Config::default());
    world.create(1000).await;
    let before = world.faulty.calls();
    for n in 0..100 {
        world.arbiter.select(&arena(), &sword(), &name(&format!("p{n}"))).await;
        world.arbiter.room(&arena()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let after = world.faulty.calls();
    assert_eq!((after.snapshot - before.snapshot, after.asset - before.asset), (0, 0));
}

/// Processor time of this thread, so that other processes do not count.
fn used() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// The longest time for which nothing else ran on the one thread while `work` went on.
async fn longest_pause(work: impl Future<Output = ()>) -> Duration {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let watch = tokio::spawn(async move {
        let (mut longest, mut last) = (Duration::ZERO, used());
        while !seen.load(Relaxed) {
            tokio::task::yield_now().await;
            let now = used();
            longest = longest.max(now - last);
            last = now;
        }
        longest
    });
    work.await;
    over.store(true, Relaxed);
    watch.await.unwrap()
}

/// The bound is that of a debug build on a busy machine; `cargo bench --bench idle_rooms` measures.
#[tokio::test]
async fn many_idle_rooms_stall_nobody() {
    const ROOMS: usize = 30_000;
    let world = World::shared(without_resync());
    let mut members = Vec::new();
    for n in 0..ROOMS {
        members.push(join(&world.arbiter, room(n)).await);
    }
    let work = async {
        world.bus.send(Incoming::Reconnected).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        world.arbiter.farewell().await;
    };
    let pause = longest_pause(work).await;
    println!("{ROOMS} rooms: the longest pause was {pause:?}");
    assert!(pause < Duration::from_millis(60), "{pause:?}");
}
