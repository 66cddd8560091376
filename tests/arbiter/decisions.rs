//! Who gets it, and what it costs the store.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::{arbiter::Config, model::NewAsset, model::ServerMessage};
use tokio::time::Instant;

use super::world::{Answer, World, answer, pick, sword};

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_selects_make_a_handful_of_store_calls() {
    let world = World::new(Config::default());
    world.create(10).await;
    let mut clients = Vec::new();
    for n in 0..1000 {
        clients.push(world.join(&format!("p{n}")).await);
    }
    world.faulty.slow(Duration::from_millis(5));
    let before = world.faulty.calls().select;
    clients.iter().for_each(|client| client.member.select(sword(), None, Instant::now()));
    let mut granted = Vec::new();
    for client in &mut clients {
        match client.find(answer).await {
            Answer::Granted { revision, remaining } => granted.push((revision, remaining)),
            other => assert_eq!(other, Answer::SoldOut),
        }
    }
    granted.sort();
    let expected: Vec<_> = (1..=10).map(|n| (n, 10 - n as u32)).collect();
    assert_eq!(granted, expected);
    let calls = world.faulty.calls().select - before;
    assert!(calls <= 1 + 1000_u64.div_ceil(128), "{calls} store calls for 1,000 selects");
}

#[tokio::test(start_paused = true)]
async fn a_template_created_with_other_units_is_seen_right() {
    let world =
        World::new(Config { templates: vec![(sword(), Arc::new(NewAsset::plain(2)))], ..Config::default() });
    let mut ann = world.join("ann").await;
    ann.welcome();
    world.create(7).await;
    let units = pick!(ServerMessage::Snapshot { assets, .. } => assets[0].units);
    assert_eq!(ann.find(units).await, 7);
}

#[tokio::test(start_paused = true)]
async fn sold_out_memory_denies_without_the_store_and_never_a_holder() {
    let world = World::new(Config { sold_out_ttl: Duration::from_secs(1), ..Config::default() });
    world.create(1).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    let before = world.faulty.calls().select;
    assert_eq!(bob.select().await, Answer::SoldOut);
    assert_eq!(bob.select().await, Answer::SoldOut);
    assert_eq!(ann.select().await, Answer::AlreadyHeld { revision: 1 }, "a holder is never denied");
    assert_eq!(world.faulty.calls().select - before, 1, "only the holder's select reached the store");
    ann.member.release(sword(), None, Instant::now());
    ann.find(|message| matches!(message, ServerMessage::Release { .. }).then_some(())).await;
    assert!(matches!(bob.select().await, Answer::Granted { .. }), "a release ends the memory");
}
