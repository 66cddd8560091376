//! A lost reply is never a denial, and no fault awards twice.

use std::{collections::BTreeSet, time::Duration};

use asset_arbiter::{
    arbiter::Config,
    model::ErrorCode,
    store::{Store, faulty::Faults},
};
use futures::future::join_all;
use tokio::time::Instant;

use super::world::{Answer, World, answer, arena, grant, key, name, sword};

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_never_a_denial() {
    let world = World::new(Config::default());
    world.create(1).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    world.faulty.set_faults(Faults { lost_after: 1.0, ..Faults::default() });
    ann.member.select(sword(), None, Instant::now());
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.faulty.set_faults(Faults::default());
    assert_eq!(ann.find(answer).await, Answer::AlreadyHeld { revision: 1 });
    assert_eq!(bob.find(grant).await.1, 1, "a grant found by a repeat is told to the room");
    assert_eq!(bob.select().await, Answer::SoldOut);
}

#[tokio::test(start_paused = true)]
async fn past_the_deadline_the_answer_says_what_is_known_of_the_outcome() {
    let world = World::new(Config { select_deadline: Duration::from_secs(2), ..Config::default() });
    world.create(1).await;
    let mut ann = world.join("ann").await;
    world.faulty.refuse();
    let since = Instant::now();
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::StoreUnavailable), "it was never done");
    assert!(since.elapsed() <= Duration::from_secs(2));
    world.faulty.resume();
    world.faulty.set_faults(Faults { lost_before: 1.0, ..Faults::default() });
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::OutcomeUnknown), "it may have been done");
    world.faulty.set_faults(Faults::default());
    world.faulty.hold();
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::OutcomeUnknown), "no answer says nothing");
    world.faulty.resume();
    assert!(matches!(ann.select().await, Answer::Granted { .. }), "asking again tells");
}

#[tokio::test(start_paused = true)]
async fn what_took_effect_without_anyone_knowing_is_announced_to_the_room() {
    let world = World::new(Config { select_deadline: Duration::from_secs(2), ..Config::default() });
    world.create(1).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    world.faulty.set_faults(Faults { lost_after: 1.0, ..Faults::default() });
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::OutcomeUnknown));
    world.faulty.set_faults(Faults::default());
    assert_eq!(ann.find(grant).await, (name("ann"), 1), "it was hers all along");
    assert_eq!(bob.find(grant).await, (name("ann"), 1));
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_behind_a_stuck_call_are_answered_in_time() {
    let world = World::new(Config { select_deadline: Duration::from_secs(2), ..Config::default() });
    world.create(1).await;
    let (mut ann, mut bob) = (world.join("ann").await, world.join("bob").await);
    world.faulty.hold();
    let since = Instant::now();
    ann.member.select(sword(), None, Instant::now());
    tokio::time::sleep(Duration::from_millis(500)).await;
    bob.member.select(sword(), None, Instant::now());
    assert_eq!(ann.find(answer).await, Answer::Error(ErrorCode::OutcomeUnknown));
    let Answer::Error(code) = bob.find(answer).await else { panic!("bob waits for a stuck store") };
    assert!(code.temporary());
    assert!(since.elapsed() < Duration::from_millis(2700), "{:?}", since.elapsed());
}

/// The promise, for one seed: players keep asking until they are told, through every fault there is.
async fn promise_holds(seed: u64) {
    println!("seed {seed}");
    let world = World::with(Config::default(), seed, Faults::default(), false);
    world.create(5).await;
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(world.join(&format!("p{n}")).await);
    }
    world.faulty.set_faults(Faults::rough());
    let rounds = clients.iter_mut().map(|client| async {
        loop {
            match client.select().await {
                Answer::Error(code) => assert!(code.temporary(), "{code:?}"),
                answer => break answer,
            }
        }
    });
    let answers = join_all(rounds).await;
    world.faulty.set_faults(Faults::default());
    world.faulty.settled().await;
    let state = world.truth.asset(&key()).await.unwrap();
    assert_eq!((state.held, state.remaining, state.revision), (5, 0, 5), "seed {seed}: once, not twice");
    let told: BTreeSet<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Answer::Granted { revision, .. } | Answer::AlreadyHeld { revision } => Some(*revision),
            _ => None,
        })
        .collect();
    assert_eq!(told, (1..=5).collect(), "seed {seed}: every holder knows it, and nobody else thinks so");
    for client in &mut clients {
        let mut heard = BTreeSet::new();
        while heard.len() < 5 {
            assert!(heard.insert(client.find(grant).await.1), "seed {seed}: told once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_fault_awards_twice_or_forgets_a_holder() {
    for seed in 0..200 {
        promise_holds(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_joined_room_goes_on_while_the_store_is_away() {
    let world = World::new(Config::default());
    world.create(1).await;
    let _ann = world.join("ann").await;
    world.arbiter.select(&arena(), &sword(), &name("bob")).await;
    world.faulty.refuse();
    let since = Instant::now();
    let welcome = world.join("bob").await.welcome();
    assert_eq!(welcome.assets.unwrap()[0].units, 1, "served from the view");
    assert_eq!(welcome.held.unwrap(), [sword()], "as far as the view knows");
    assert!(since.elapsed() <= Duration::from_secs(1), "nobody waits long for a store that is away");
    world.faulty.resume();
}
