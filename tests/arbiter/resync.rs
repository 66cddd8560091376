//! A node with many rooms that may all have missed something.

use std::time::Duration;

use asset_arbiter::{
    arbiter::{Join, Member},
    bus::Incoming,
    model::{NewAsset, RoomName, limits::RESYNCS_AT_ONCE},
    store::{AssetKey, Store},
};
use tokio::time::sleep;

use super::world::{World, elsewhere, name, sword, without_resync};

const ROOMS: usize = 1000;

/// Far less than the interval of resyncs.
const A_MOMENT: Duration = Duration::from_millis(5);

async fn observe(world: &World, room: &RoomName) -> Member {
    let (room, session) = (room.clone(), "s".to_owned());
    let join = Join {
        room,
        player: None,
        display_name: None,
        resume: None,
        session,
        ping_interval_ms: 1000,
        token_ttl_ms: None,
    };
    world.arbiter.join(join).await.expect("joined")
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_bus_rooms_are_compared_few_at_a_time_and_each_once() {
    let world = World::shared(without_resync());
    let rooms: Vec<RoomName> = (0..ROOMS).map(|n| name(&format!("r{n}"))).collect();
    let mut members = Vec::new();
    for room in &rooms {
        members.push(observe(&world, room).await);
    }
    world.faulty.hold();
    let before = world.faulty.calls().revisions;
    world.bus.send(Incoming::Reconnected).await;
    sleep(A_MOMENT).await;
    assert_eq!(world.faulty.calls().revisions - before, RESYNCS_AT_ONCE as u64);

    // Another node made this meanwhile, and nothing but the store tells.
    for room in &rooms {
        world.truth.create(elsewhere(1), &AssetKey::new(room, &sword()), &NewAsset::plain(1)).await.unwrap();
    }
    for _ in 0..3 {
        world.bus.send(Incoming::Reconnected).await;
    }
    sleep(A_MOMENT).await;
    assert_eq!(world.faulty.calls().revisions - before, RESYNCS_AT_ONCE as u64, "the others wait");

    world.faulty.resume();
    sleep(A_MOMENT).await;
    for room in &rooms {
        assert_eq!(world.arbiter.room(room).await.unwrap().assets.len(), 1, "{room}");
    }
    let compared = (world.faulty.calls().revisions - before) as usize;
    assert_eq!(compared, ROOMS + RESYNCS_AT_ONCE, "once more only those under way at the second news");
}
