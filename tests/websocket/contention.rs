//! Everyone wants the same thing at once.

use std::sync::Arc;

use asset_arbiter::model::ServerMessage;
use futures::future::join_all;
use serde_json::Value;
use tokio::sync::Barrier;

use crate::support::{Client, Server};

const PLAYERS: usize = 1000;
const UNITS: usize = 10;

/// What one player saw of the race: whether it won, and the grants it was told, by (revision, player, remaining).
struct Seen {
    won: bool,
    grants: Vec<(u64, String, i64)>,
}

/// Selects when everyone is ready, and listens until all grants and the own reply are there.
async fn race(mut client: Client, ready: Arc<Barrier>) -> Seen {
    ready.wait().await;
    client.select("sword", 7).await;
    let (mut won, mut grants) = (None, Vec::new());
    while won.is_none() || grants.len() < UNITS {
        let frame: Value = serde_json::from_str(&client.text().await).unwrap();
        let remaining = frame["remaining"].as_i64();
        assert!(remaining.is_none_or(|remaining| remaining >= 0), "{frame}");
        match frame["type"].as_str().unwrap() {
            "selection" => {
                assert_eq!(frame["request_id"], 7);
                let denied = (frame["granted"] == false).then_some("sold_out");
                assert_eq!(frame["reason"].as_str(), denied, "{frame}");
                won = frame["granted"].as_bool();
            }
            "asset_granted" => {
                let player = frame["player"].as_str().unwrap().to_owned();
                grants.push((frame["revision"].as_u64().unwrap(), player, remaining.unwrap()));
            }
            "player_joined" | "players" => {}
            other => panic!("{other}"),
        }
    }
    Seen { won: won.unwrap(), grants }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_players_at_once_get_exactly_the_units_there_are_and_all_hear_of_it_in_order() {
    let server = Server::start().await;
    server.create("arena", "sword", UNITS as u32).await;
    let names: Vec<_> = (0..PLAYERS).map(|n| format!("p{n}")).collect();
    let clients = join_all(names.iter().map(|name| server.join("arena", name))).await;
    let ready = Arc::new(Barrier::new(PLAYERS));
    let tasks = clients.into_iter().map(|client| tokio::spawn(race(client, Arc::clone(&ready))));
    let seen: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();

    let winners: Vec<_> = names.iter().zip(&seen).filter(|(_, seen)| seen.won).map(|(name, _)| name).collect();
    assert_eq!(winners.len(), UNITS);
    let told = &seen[0].grants;
    let expected: Vec<_> =
        (1..=UNITS as u64).map(|revision| (revision, UNITS as i64 - revision as i64)).collect();
    assert_eq!(told.iter().map(|(revision, _, left)| (*revision, *left)).collect::<Vec<_>>(), expected);
    assert!(told.iter().all(|(_, player, _)| winners.contains(&player)));
    assert!(seen.iter().all(|other| other.grants == *told), "everyone is told the same");

    let state = server.asset("arena", "sword").await;
    assert_eq!((state.remaining, state.held as usize, state.revision as usize), (0, UNITS, UNITS));
    assert_eq!(server.selects("granted").await, UNITS as u64);
    assert_eq!(server.selects("sold_out").await, (PLAYERS - UNITS) as u64);
    let others =
        ["already_held", "unknown_asset", "limit_reached", "store_unavailable", "outcome_unknown", "dropped"];
    for outcome in others {
        assert_eq!(server.selects(outcome).await, 0, "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_winner_hears_its_reply_before_the_room_s_frame() {
    let server = Server::with(|setup| setup.config.auto_create = Some(1)).await;
    let mut clients =
        [server.join("r", "ann").await, server.join("r", "bob").await, server.join("r", "cid").await];
    const ROUNDS: usize = 200;
    let race = async |client: &mut Client| {
        for round in 0..ROUNDS {
            client.select(&format!("a{round}"), round as u64).await;
        }
        let (mut replies, mut frames, mut won) = (0, 0, Vec::new());
        while replies < ROUNDS || frames < ROUNDS {
            match client.hear().await {
                ServerMessage::Selection { asset, granted, .. } => {
                    replies += 1;
                    won.extend(granted.then_some(asset));
                }
                ServerMessage::AssetGranted { asset, player, .. } => {
                    frames += 1;
                    let mine = client.welcome.player.as_ref() == Some(&player);
                    assert_eq!(mine, won.contains(&asset), "{asset}: the reply comes first");
                }
                ServerMessage::PlayerJoined { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        won.len()
    };
    let [ann, bob, cid] = &mut clients;
    let (a, b, c) = tokio::join!(race(ann), race(bob), race(cid));
    assert_eq!(a + b + c, ROUNDS);
}
