//! A player's second connection (`--same-player`), and players who are kicked, over nodes and a bus that promises nothing.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Config, Kicked, SamePlayer},
    model::{CloseCode, ErrorCode, NewAsset, ServerMessage},
    store::Store,
};
use futures::future::join_all;
use tokio::time::sleep;

use super::{
    net::{BusFaults, Net, Node},
    world::{Answer, Client, World, arena, key, name, pick, sword},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

/// The longest pause between two heartbeats.
const BEAT: Duration = Duration::from_millis(5500);

fn config(same_player: SamePlayer) -> Config {
    Config { same_player, ..Config::default() }
}

fn nodes<const N: usize>(same_player: SamePlayer) -> (Net, [Node; N]) {
    let net = Net::new(7);
    let nodes = std::array::from_fn(|_| net.start(config(same_player)));
    (net, nodes)
}

fn ended(clients: &[&Client]) -> Vec<Option<CloseCode>> {
    clients.iter().map(|client| client.member.ended()).collect()
}

#[tokio::test(start_paused = true)]
async fn by_default_a_player_may_have_many_connections() {
    let (_net, [here, there]) = nodes(SamePlayer::Allow);
    let clients = [here.join("ann").await, here.join("ann").await, there.join("ann").await];
    sleep(2 * BEAT).await;
    assert!(clients.iter().all(|client| client.member.ended().is_none()));
}

#[tokio::test(start_paused = true)]
async fn the_newer_connection_replaces_the_older_one_on_every_node() {
    let (_net, [here, there]) = nodes(SamePlayer::Replace);
    let (first, bob) = (here.join("ann").await, here.join("bob").await);
    let second = here.join("ann").await;
    assert_eq!(ended(&[&first, &second, &bob]), [Some(CloseCode::Replaced), None, None]);
    sleep(BEAT).await;
    let third = there.join("ann").await;
    sleep(A_MOMENT).await;
    assert_eq!(ended(&[&second, &third, &bob]), [Some(CloseCode::Replaced), None, None]);
    let observers = [there.observe().await, there.observe().await];
    assert!(observers.iter().all(|observer| observer.member.ended().is_none()), "they are nobody's");
}

#[tokio::test(start_paused = true)]
async fn the_newer_connection_is_refused_on_every_node() {
    let (_net, [here, there]) = nodes(SamePlayer::Refuse);
    let first = here.join("ann").await;
    let refused = Client::join(&here.arbiter, Some("ann"), None).await.err().expect("refused");
    assert_eq!(refused.close, CloseCode::Duplicate);
    sleep(BEAT).await;
    let second = there.join("ann").await;
    sleep(A_MOMENT).await;
    assert_eq!(ended(&[&first, &second]), [None, Some(CloseCode::Duplicate)]);
    drop((first, second));
    sleep(A_MOMENT).await;
    let third = there.join("ann").await;
    sleep(2 * BEAT).await;
    assert_eq!(ended(&[&third]), [None], "who left is not there");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_join_at_the_same_time_on_two_nodes_one_stays() {
    for rule in [SamePlayer::Replace, SamePlayer::Refuse] {
        for lateness in [0, 50, 500] {
            let (net, [here, there]) = nodes(rule);
            net.set_faults(BusFaults { lateness: Duration::from_millis(lateness), ..BusFaults::default() });
            let (one, two) = tokio::join!(here.join("ann"), there.join("ann"));
            sleep(2 * BEAT).await;
            let stay = ended(&[&one, &two]).into_iter().filter(Option::is_none).count();
            assert_eq!(stay, 1, "{rule:?}, up to {lateness} ms late");
        }
    }
}

/// On several threads, the one that is listed first may be counted last.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_join_one_node_at_the_same_time_one_stays() {
    for rule in [SamePlayer::Replace, SamePlayer::Refuse] {
        for _ in 0..50 {
            let world = World::new(config(rule));
            world.create(1).await;
            let joins = (0..8).map(|_| {
                let arbiter = Arc::clone(&world.arbiter);
                tokio::spawn(async move { Client::join(&arbiter, Some("ann"), None).await })
            });
            let joined = join_all(joins).await.into_iter().filter_map(|joined| joined.expect("it ends").ok());
            let joined: Vec<_> = joined.collect();
            let stay = joined.iter().filter(|client| client.member.ended().is_none()).count();
            assert_eq!(stay, 1, "{rule:?}, of {} that joined", joined.len());
        }
    }
}

/// Nodes that were cut from each other have both let the player in. Heartbeats tell when they hear each other again.
#[tokio::test(start_paused = true)]
async fn after_a_cut_the_rule_is_kept_again() {
    for (rule, stays) in [(SamePlayer::Replace, [false, true]), (SamePlayer::Refuse, [true, false])] {
        let (net, [here, there]) = nodes(rule);
        let older = here.join("ann").await;
        sleep(2 * BEAT).await;
        net.set_faults(BusFaults { loss: 1.0, ..BusFaults::default() });
        let newer = there.join("ann").await;
        sleep(2 * BEAT).await;
        assert_eq!(ended(&[&older, &newer]), [None, None], "{rule:?}: neither hears of the other");
        net.set_faults(BusFaults::default());
        sleep(2 * BEAT).await;
        let stay: Vec<_> = ended(&[&older, &newer]).iter().map(Option::is_none).collect();
        assert_eq!(stay, stays, "{rule:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kicked_player_goes_on_every_node_and_keeps_what_it_holds() {
    let (net, [here, there]) = nodes(SamePlayer::Allow);
    here.arbiter.create(&arena(), &sword(), NewAsset::plain(2)).await.expect("created");
    let (mut near, far, bob) = (here.join("ann").await, there.join("ann").await, there.join("bob").await);
    assert!(matches!(near.select().await, Answer::Granted { .. }));
    let kicked = here.arbiter.kick(&arena(), &name("ann"), false).await;
    assert_eq!(kicked, Ok(Kicked { connections: 1, released: Vec::new() }));
    sleep(A_MOMENT).await;
    let code = Some(CloseCode::Kicked);
    assert_eq!(ended(&[&near, &far, &bob]), [code, code, None]);
    assert_eq!(net.store().holders(&key(), None, 9).await.expect("read").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kick_can_release_what_the_player_holds() {
    let (_net, [here, there]) = nodes(SamePlayer::Allow);
    here.arbiter.create(&arena(), &sword(), NewAsset::plain(1)).await.expect("created");
    let mut ann = here.join("ann").await;
    assert!(matches!(ann.select().await, Answer::Granted { .. }));
    let mut bob = there.join("bob").await;
    let kicked = there.arbiter.kick(&arena(), &name("ann"), true).await.expect("kicked");
    assert_eq!(kicked, Kicked { connections: 0, released: vec![sword()] });
    bob.find(pick!(ServerMessage::AssetReleased { player, .. } if player.as_str() == "ann" => ())).await;
    assert!(matches!(bob.select().await, Answer::Granted { .. }));
    sleep(A_MOMENT).await;
    assert_eq!(ann.member.ended(), Some(CloseCode::Kicked));
    let again = there.arbiter.kick(&arena(), &name("ann"), true).await;
    assert_eq!(again.expect("nobody is there").released, Vec::new());
}

/// The bus promises nothing: a kick is repeated where it did not arrive.
#[tokio::test(start_paused = true)]
async fn a_kick_reaches_the_nodes_that_the_bus_reaches() {
    let (net, [here, there]) = nodes(SamePlayer::Allow);
    let (near, far) = (here.join("ann").await, there.join("ann").await);
    sleep(A_MOMENT).await;
    net.set_faults(BusFaults { loss: 1.0, ..BusFaults::default() });
    here.arbiter.kick(&arena(), &name("ann"), false).await.expect("kicked");
    sleep(2 * BEAT).await;
    assert_eq!(ended(&[&near, &far]), [Some(CloseCode::Kicked), None]);
    net.set_faults(BusFaults::default());
    here.arbiter.kick(&arena(), &name("ann"), false).await.expect("kicked");
    sleep(A_MOMENT).await;
    assert_eq!(ended(&[&far]), [Some(CloseCode::Kicked)]);
}

#[tokio::test(start_paused = true)]
async fn a_kick_needs_the_store_only_to_release() {
    let world = World::new(Config::default());
    world.create(1).await;
    let mut ann = world.join("ann").await;
    ann.select().await;
    world.faulty.refuse();
    let error = world.arbiter.kick(&arena(), &name("ann"), true).await.expect_err("it cannot be read");
    assert_eq!(error.code, ErrorCode::StoreUnavailable);
    assert_eq!(ended(&[&ann]), [Some(CloseCode::Kicked)]);
    world.faulty.resume();
    let kicked = world.arbiter.kick(&arena(), &name("ann"), true).await.expect("asked again");
    assert_eq!(kicked.released, [sword()]);
}

/// What a kicked player asked for and was not sent yet is dropped, so that its grants do not come after the kick.
#[tokio::test(start_paused = true)]
async fn what_a_kicked_player_asked_last_is_not_decided() {
    let world = World::new(Config::default());
    world.create(1).await;
    let ann = world.join("ann").await;
    world.arbiter.kick(&arena(), &name("ann"), false).await.expect("kicked");
    ann.member.select(sword(), None, tokio::time::Instant::now());
    sleep(A_MOMENT).await;
    let holders = world.truth.holders(&key(), None, 9).await.expect("read");
    assert_eq!(holders.len(), 0, "{holders:?}");
}
