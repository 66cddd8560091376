//! Who gets it, and what it costs the store.

use std::{collections::BTreeSet, time::Duration};

use asset_arbiter::{
    arbiter::Config,
    model::{ErrorCode, ServerMessage},
    store::Store,
};

use super::world::{Answer, Client, World, answer, arena, grant, key, name, pick, sword};

async fn contenders(world: &World, players: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for n in 0..players {
        clients.push(world.join(&format!("p{n}")).await);
    }
    clients
}

#[tokio::test(start_paused = true)]
async fn a_thousand_waiting_selects_make_a_handful_of_store_calls() {
    let world = World::new(Config::default());
    world.create(10).await;
    let mut clients = contenders(&world, 1000).await;
    world.faulty.slow(Duration::from_millis(5));
    let before = world.faulty.calls().select;
    clients.iter().for_each(|client| client.member.select(sword(), None));
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
async fn everyone_hears_of_every_grant_in_revision_order_once() {
    let world = World::new(Config::default());
    world.create(50).await;
    let mut clients = contenders(&world, 60).await;
    world.faulty.slow(Duration::from_millis(5));
    clients.iter().for_each(|client| client.member.select(sword(), None));
    for client in &mut clients {
        for expected in 1..=50 {
            assert_eq!(client.find(grant).await.1, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_winner_reads_its_reply_before_the_broadcast() {
    let world = World::new(Config::default());
    world.create(1).await;
    let mut ann = world.join("ann").await;
    world.faulty.slow(Duration::from_millis(5));
    ann.welcome();
    ann.now();
    ann.member.select(sword(), None);
    assert!(matches!(ann.next().await, ServerMessage::Selection { granted: true, .. }));
    assert!(matches!(ann.next().await, ServerMessage::AssetGranted { .. }));
}

#[tokio::test(start_paused = true)]
async fn the_player_is_the_idempotency_key() {
    let world = World::new(Config::default());
    world.create(2).await;
    let (mut here, mut there) = (world.join("ann").await, world.join("ann").await);
    assert_eq!(here.select().await, Answer::Granted { revision: 1, remaining: 1 });
    assert_eq!(here.select().await, Answer::AlreadyHeld { revision: 1 });
    assert_eq!(there.select().await, Answer::AlreadyHeld { revision: 1 });
    world.faulty.slow(Duration::from_millis(5));
    let mut bob = world.join("bob").await;
    bob.member.select(sword(), None);
    bob.member.select(sword(), None);
    bob.member.select(sword(), None);
    assert_eq!(bob.find(answer).await, Answer::Granted { revision: 2, remaining: 0 });
    assert_eq!(bob.find(answer).await, Answer::AlreadyHeld { revision: 2 });
    assert_eq!(bob.find(answer).await, Answer::AlreadyHeld { revision: 2 });
    assert_eq!(world.truth.asset(&key()).await.unwrap().held, 2);
}

#[tokio::test(start_paused = true)]
async fn a_template_or_auto_created_asset_is_announced_by_its_first_grant() {
    let templates = vec![(sword(), 2)];
    let world = World::new(Config { templates, auto_create: Some(3), ..Config::default() });
    let mut ann = world.join("ann").await;
    let shown = ann.welcome().assets.unwrap();
    assert_eq!((shown[0].asset.clone(), shown[0].units, shown[0].revision), (sword(), 2, 0));
    assert!(world.truth.snapshot(&arena()).await.unwrap().is_empty(), "a join writes nothing");
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 1 });
    ann.member.select(name("bow"), None);
    let units = pick!(ServerMessage::AssetGranted { asset, units, .. } if asset.as_str() == "bow" => *units);
    assert_eq!(ann.find(units).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_template_created_with_other_units_is_seen_right() {
    let world = World::new(Config { templates: vec![(sword(), 2)], ..Config::default() });
    let mut ann = world.join("ann").await;
    ann.welcome();
    world.create(7).await;
    let units = pick!(ServerMessage::Snapshot { assets, .. } => assets[0].units);
    assert_eq!(ann.find(units).await, 7);
}

#[tokio::test(start_paused = true)]
async fn limits_are_named() {
    let config = Config { max_assets: 2, max_units: 10, auto_create: Some(1), ..Config::default() };
    let world = World::new(config);
    let mut ann = world.join("ann").await;
    world.create(10).await;
    let code = |result: Result<_, asset_arbiter::arbiter::Refusal>| result.map(|_| ()).unwrap_err().code;
    assert_eq!(code(world.arbiter.create(&arena(), &name("huge"), 11).await), ErrorCode::LimitReached);
    assert_eq!(
        world.arbiter.restock(&arena(), &sword(), 1, None).await.unwrap_err().code,
        ErrorCode::LimitReached
    );
    ann.member.select(name("second"), None);
    assert!(matches!(ann.find(answer).await, Answer::Granted { .. }));
    ann.member.select(name("third"), None);
    assert_eq!(ann.find(answer).await, Answer::Error(ErrorCode::LimitReached));
    assert_eq!(code(world.arbiter.create(&arena(), &name("third"), 1).await), ErrorCode::LimitReached);
    assert_eq!(
        ann.select().await,
        Answer::Granted { revision: 1, remaining: 9 },
        "what exists is not concerned"
    );
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
    ann.member.release(sword(), None);
    ann.find(|message| matches!(message, ServerMessage::Release { .. }).then_some(())).await;
    assert!(matches!(bob.select().await, Answer::Granted { .. }), "a release ends the memory");
}

#[tokio::test(start_paused = true)]
async fn what_a_gone_client_did_not_send_yet_is_dropped_and_what_it_sent_counts() {
    let world = World::new(Config::default());
    world.create(10).await;
    let (ann, bob) = (world.join("ann").await, world.join("bob").await);
    world.faulty.slow(Duration::from_millis(50));
    ann.member.select(sword(), None);
    bob.member.select(sword(), None);
    drop((ann, bob));
    let mut cat = world.join("cat").await;
    assert!(matches!(cat.select().await, Answer::Granted { .. }));
    let holders = world.truth.holders(&key(), None, 10).await.unwrap();
    let holders: BTreeSet<_> = holders.iter().map(|grant| grant.player.as_str()).collect();
    assert_eq!(holders, BTreeSet::from(["ann", "cat"]), "ann's was in flight; bob's waited");
}
