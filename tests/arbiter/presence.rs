//! Who is in a room, over all nodes, on a bus that promises nothing.

use std::{collections::BTreeSet, time::Duration};

use asset_arbiter::{
    arbiter::Config,
    bus::{BusMessage, GivenNames, Heartbeat, Players},
    model::{DisplayNames, PlayerName, ServerMessage, Welcome},
};
use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{
    net::{BusFaults, Net, Node},
    world::{Client, World, name},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

/// After a node is killed its players have left everywhere.
const GONE_WITHIN: Duration = Duration::from_secs(15);

/// The longest pause between two heartbeats.
const BEAT: Duration = Duration::from_millis(5500);

fn nodes<const N: usize>(config: &Config) -> (Net, [Node; N]) {
    let net = Net::new(7);
    let nodes = std::array::from_fn(|_| net.start(config.clone()));
    (net, nodes)
}

/// What is told of who came and went, in short: `+ann 1`, `-ann 0`, `3`, and `=2` for a snapshot.
fn news_of(client: &mut Client) -> Vec<String> {
    client.now().iter().filter_map(news).collect()
}

fn news(message: &ServerMessage) -> Option<String> {
    match message {
        ServerMessage::PlayerJoined { player, players, .. } => Some(format!("+{player} {players}")),
        ServerMessage::PlayerLeft { player, players, .. } => Some(format!("-{player} {players}")),
        ServerMessage::Players { players, .. } => Some(players.to_string()),
        ServerMessage::Snapshot { present, .. } => Some(format!("={}", present.len())),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn joins_and_leaves_on_one_node_are_announced_on_the_others_at_once() {
    let (_net, [here, there]) = nodes(&Config::default());
    let (mut near, mut far) = (here.observe().await, there.observe().await);
    let ann = here.join("ann").await;
    sleep(A_MOMENT).await;
    let bob = there.join("bob").await;
    sleep(A_MOMENT).await;
    drop(ann);
    sleep(A_MOMENT).await;
    drop(bob);
    sleep(A_MOMENT).await;
    for watcher in [&mut near, &mut far] {
        assert_eq!(news_of(watcher), ["+ann 1", "+bob 2", "-ann 1", "-bob 0"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_player_on_two_nodes_is_one_player() {
    let (_net, [here, there, third]) = nodes(&Config::default());
    let mut watcher = third.observe().await;
    let one = here.join("ann").await;
    sleep(A_MOMENT).await;
    let mut two = there.join("ann").await;
    sleep(2 * BEAT).await;
    assert_eq!(news_of(&mut watcher), ["+ann 1"]);
    assert_eq!(news_of(&mut two).len(), 0, "she knows that she is here");
    drop(one);
    sleep(2 * BEAT).await;
    assert_eq!(news_of(&mut watcher).len(), 0);
    drop(two);
    sleep(A_MOMENT).await;
    assert_eq!(news_of(&mut watcher), ["-ann 0"]);
}

/// What is told of display names, in short: `ann: Ann B. 1` with the number of players, and `ann: - 1` for none.
fn renamed(client: &mut Client) -> Vec<String> {
    let named = |message: &ServerMessage| match message {
        ServerMessage::PlayerJoined { player, name, players, .. } => {
            let name = name.as_ref().map_or("-", |name| name.as_str());
            Some(format!("{player}: {name} {players}"))
        }
        _ => None,
    };
    client.now().iter().filter_map(named).collect()
}

fn shown(names: &DisplayNames) -> Vec<String> {
    names.iter().map(|(player, name)| format!("{player}: {name}")).collect()
}

#[tokio::test(start_paused = true)]
async fn display_names_are_told_on_every_node() {
    let (_net, [here, there]) = nodes(&Config::default());
    let (mut near, mut far) = (here.observe().await, there.observe().await);
    let mut ann = here.join_as("ann", "Zo\u{eb} \"Ann\" B.").await;
    assert_eq!(shown(&ann.welcome().names), ["ann: Zo\u{eb} \"Ann\" B."]);
    sleep(A_MOMENT).await;
    let mut bob = there.join("bob").await;
    sleep(A_MOMENT).await;
    for watcher in [&mut near, &mut far] {
        assert_eq!(renamed(watcher), ["ann: Zo\u{eb} \"Ann\" B. 1", "bob: - 2"]);
    }
    assert_eq!(shown(&bob.welcome().names), ["ann: Zo\u{eb} \"Ann\" B."]);
    ann.member.sync().expect("allowed");
    let names = |message: &ServerMessage| match message {
        ServerMessage::Snapshot { names, .. } => Some(shown(names)),
        _ => None,
    };
    assert_eq!(ann.find(names).await, ["ann: Zo\u{eb} \"Ann\" B."]);
}

#[tokio::test(start_paused = true)]
async fn another_display_name_of_a_present_player_is_told_on_every_node() {
    let (_net, [here, there]) = nodes(&Config::default());
    let (mut near, mut far) = (here.observe().await, there.observe().await);
    let _first = here.join("ann").await;
    sleep(A_MOMENT).await;
    let _second = here.join_as("ann", "Ann").await;
    sleep(A_MOMENT).await;
    let third = there.join_as("ann", "Annie").await;
    let _fourth = here.join("ann").await;
    sleep(A_MOMENT).await;
    for watcher in [&mut near, &mut far] {
        assert_eq!(renamed(watcher), ["ann: - 1", "ann: Ann 1", "ann: Annie 1"]);
    }
    drop(third);
    sleep(A_MOMENT).await;
    for watcher in [&mut near, &mut far] {
        assert_eq!(renamed(watcher), ["ann: Ann 1"], "the newest of those where she still is");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_killed_leaves_in_time() {
    let (net, [here, there]) = nodes(&Config::default());
    let mut watcher = here.observe().await;
    let _bob = there.join("bob").await;
    for round in 0..30 {
        let doomed = net.start(Config::default());
        let _ann = doomed.join("ann").await;
        let _bob = doomed.join("bob").await;
        sleep(Duration::from_millis(1000 + round * 370)).await;
        let since = Instant::now();
        net.cut(&doomed);
        let left = |message: &ServerMessage| news(message).filter(|news| news.starts_with('-'));
        assert_eq!(watcher.find(left).await, "-ann 1", "bob is on another node, too");
        assert!(since.elapsed() < GONE_WITHIN, "{:?}", since.elapsed());
        assert!(since.elapsed() > BEAT, "{:?}", since.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn one_lost_heartbeat_is_not_noticed() {
    let (net, [here, there]) = nodes(&Config::default());
    let mut watcher = here.observe().await;
    let _ann = there.join("ann").await;
    sleep(A_MOMENT).await;
    assert_eq!(news_of(&mut watcher), ["+ann 1"]);
    for _ in 0..100 {
        net.lose_next(&there).await;
        sleep(BEAT).await;
        assert_eq!(news_of(&mut watcher).len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_heartbeat_revives_nobody_for_long() {
    let (net, [here, there]) = nodes(&Config::default());
    let mut watcher = here.observe().await;
    let _ann = there.join("ann").await;
    sleep(BEAT).await;
    net.cut(&there);
    sleep(GONE_WITHIN).await;
    net.deliver(&here, net.last_of(&there)).await;
    sleep(GONE_WITHIN).await;
    assert_eq!(news_of(&mut watcher), ["+ann 1", "-ann 0", "+ann 1", "-ann 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_drains_says_goodbye_and_no_more() {
    let (net, [here, there]) = nodes(&Config::default());
    let mut watcher = here.observe().await;
    let (ann, bob) = (there.join("ann").await, there.join("bob").await);
    sleep(A_MOMENT).await;
    let before = net.last_of(&there);
    there.arbiter.farewell().await;
    sleep(A_MOMENT).await;
    assert_eq!(news_of(&mut watcher), ["+ann 1", "+bob 2", "-ann 1", "-bob 0"]);
    net.deliver(&here, before).await;
    drop(ann);
    sleep(2 * BEAT).await;
    drop(bob);
    assert_eq!(news_of(&mut watcher).len(), 0, "they are told once");
}

#[tokio::test(start_paused = true)]
async fn a_new_node_learns_at_once_who_is_there() {
    let (net, [here, there]) = nodes(&Config::default());
    let _here = (here.join("ann").await, here.join("bob").await);
    let _there = (there.join("bob").await, there.join("cat").await);
    sleep(A_MOMENT).await;
    let new = net.start(Config::default());
    let mut late = new.join("dan").await;
    let mut seen = Seen::new(&late.welcome());
    sleep(A_MOMENT).await;
    seen.follow(&mut late);
    assert_eq!(seen.names(), ["ann", "bob", "cat", "dan"]);
}

#[tokio::test(start_paused = true)]
async fn large_rooms_get_numbers_over_all_nodes() {
    let (net, [here, there]) = nodes(&Config { presence_limit: 3, ..Config::default() });
    let mut watcher = here.observe().await;
    let mut contenders = Vec::new();
    for n in 0..500 {
        contenders.push(there.join(&format!("p{n}")).await);
    }
    let ann = here.join("ann").await;
    sleep(2 * BEAT).await;
    let heard = news_of(&mut watcher);
    assert_eq!(heard.last().unwrap(), "501");
    assert!(heard.len() <= 6, "three names, and numbers once a second: {heard:?}");
    assert!(net.said() < 20, "large rooms are told in time, not at once");
    assert_eq!((here.present().await, there.present().await), ((501, vec![]), (501, vec![])));
    contenders.truncate(2);
    sleep(BEAT).await;
    assert_eq!(news_of(&mut watcher).last().unwrap(), "=3", "small again: all names");
    drop(ann);
    drop(contenders);
    sleep(A_MOMENT).await;
    assert_eq!(here.present().await, (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_rooms_without_players() {
    let (net, [here, there]) = nodes(&Config::default());
    let _watchers = (here.observe().await, there.observe().await);
    assert_eq!(net.said(), 2, "each asked once who is there");
    let ann = here.join("ann").await;
    sleep(20 * BEAT).await;
    let said = net.said();
    assert!((20..=60).contains(&said), "{said}");
    drop(ann);
    assert_eq!(net.said(), 1, "that she is gone");
    sleep(20 * BEAT).await;
    assert_eq!(net.said(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_room_that_only_others_use_is_let_go() {
    let world = World::new(Config::default());
    drop(world.join("ann").await);
    for number in 1..30 {
        let players = Players::Names([name("bob")].into());
        world
            .bus
            .deliver(BusMessage::Heartbeat(Heartbeat { node: 7, number, players, names: GivenNames::new() }))
            .await;
        world.bus.deliver(BusMessage::WhoIsHere).await;
        sleep(Duration::from_secs(3)).await;
    }
    assert!(world.bus.rooms.lock().is_empty());
}

/// The last one out of a large room goes without a tick to say so; that must not be forgotten.
#[tokio::test(start_paused = true)]
async fn an_empty_room_is_announced_before_it_is_let_go() {
    let config = Config { presence_limit: 0, room_linger: Duration::ZERO, ..Config::default() };
    let (_net, [here, there]) = nodes(&config);
    let mut watcher = here.observe().await;
    drop(there.join("ann").await);
    let ann = there.join("ann").await;
    sleep(Duration::from_secs(2)).await;
    drop(ann);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(news_of(&mut watcher).last().unwrap(), "=0");
}

/// Who a client thinks is in the room.
struct Seen {
    players: usize,
    present: BTreeSet<PlayerName>,
    names: DisplayNames,
}

impl Seen {
    fn new(welcome: &Welcome) -> Self {
        let Welcome { players, present, names, .. } = welcome.clone();
        Self { players, present: present.unwrap().into_iter().collect(), names }
    }

    fn follow(&mut self, client: &mut Client) {
        for message in client.now() {
            match message {
                ServerMessage::PlayerJoined { player, name, players, .. } => {
                    let before = match name.clone() {
                        Some(name) => self.names.insert(player.clone(), name),
                        None => self.names.remove(&player),
                    };
                    assert!(self.present.insert(player) || before != name, "joined twice");
                    self.players = players;
                }
                ServerMessage::PlayerLeft { player, players, .. } => {
                    self.names.remove(&player);
                    assert!(self.present.remove(&player), "left, and was not there");
                    self.players = players;
                }
                ServerMessage::Players { players, .. } => self.players = players,
                ServerMessage::Snapshot { players, present, names, .. } => {
                    (self.players, self.present, self.names) = (players, present.into_iter().collect(), names);
                }
                _ => {}
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.present.iter().map(PlayerName::as_str).collect()
    }
}

/// Players come and go on three nodes, over a bus that loses, repeats and reorders; once it is well again all nodes agree
/// with the truth, and what each member was told adds up to it.
async fn converges(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    // In a small room players have connections on several nodes; in a large one they would be counted on each.
    let (limit, own_names) = if seed.is_multiple_of(2) { (64, false) } else { (3, true) };
    let net = Net::new(seed);
    let config = Config { presence_limit: limit, ..Config::default() };
    let nodes = [(); 3].map(|()| net.start(config.clone()));
    net.set_faults(BusFaults { loss: 0.3, repeats: 0.3, lateness: Duration::from_secs(2) });
    let mut watchers = Vec::new();
    for node in &nodes {
        let mut watcher = node.observe().await;
        let seen = Seen::new(&watcher.welcome());
        watchers.push((watcher, seen));
    }
    let mut connected: Vec<(String, Client)> = Vec::new();
    for _ in 0..200 {
        if connected.len() < 10 && rng.bool() {
            let node = &nodes[rng.usize(..3)];
            let owner = if own_names { node.number } else { 0 };
            let player = format!("p{owner}{}", rng.u8(..6));
            let client = match rng.u8(..4) {
                0 => node.join(&player).await,
                n => node.join_as(&player, &format!("{player} {n}")).await,
            };
            connected.push((player, client));
        } else if !connected.is_empty() {
            connected.swap_remove(rng.usize(..connected.len()));
        }
        sleep(Duration::from_millis(rng.u64(..400))).await;
        watchers.iter_mut().for_each(|(watcher, seen)| seen.follow(watcher));
    }
    net.set_faults(BusFaults::default());
    sleep(GONE_WITHIN).await;
    let truth: BTreeSet<PlayerName> = connected.iter().map(|(player, _)| name(player)).collect();
    let names = nodes[0].names().await;
    for (node, (mut watcher, mut seen)) in nodes.iter().zip(watchers) {
        seen.follow(&mut watcher);
        let (players, present) = node.present().await;
        assert_eq!((players, seen.players), (truth.len(), truth.len()), "seed {seed}");
        if truth.len() <= limit {
            assert_eq!((present.into_iter().collect(), &seen.present), (truth.clone(), &truth), "seed {seed}");
            assert_eq!((&node.names().await, &seen.names), (&names, &names), "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_bus_does_all_nodes_agree_in_the_end() {
    for seed in 0..60 {
        converges(seed).await;
    }
}
