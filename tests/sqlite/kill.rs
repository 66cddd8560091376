use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use asset_arbiter::{
    model::{AssetName, NewAsset, PlayerName, RoomName},
    store::{AssetKey, Store, Verdict},
};

use crate::{
    child::{child, file_of_child, this_binary},
    conformance::ground::{Ground, Node, asset, room, team},
    neighbour::Neighbour,
    temp_db::{TempDb, open_file},
};

/// Units of every asset in the race.
const UNITS: u32 = 5;

type Told = BTreeMap<(AssetName, u64), PlayerName>;

/// How often; `KILL_ROUNDS` says how often instead.
const ROUNDS: usize = 50;

fn rounds() -> usize {
    std::env::var("KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// Again and again a server is killed while it writes: every grant that it told is there, and the promise holds.
#[tokio::test]
async fn every_answered_grant_survives_kill_9() {
    let db_file = TempDb::new();
    let mut told = Told::new();
    for round in 0..rounds() {
        let enough = fastrand::usize(20..400);
        let heard = hear(child(&this_binary(), "kill::races_until_killed", &db_file.file()), enough);
        assert!(heard.len() >= enough, "round {round}: it wrote until it was killed");
        for (grant, player) in heard {
            let other = told.insert(grant.clone(), player);
            assert_eq!(other, None, "round {round}: {grant:?} was told to two players");
        }
        let ground = Ground { store: db_file.open(), room: arena() };
        check(&ground, &told).await;
    }
    let neighbour = Neighbour::of(&db_file);
    assert_eq!(neighbour.ask::<String>("PRAGMA integrity_check"), "ok");
    let strays = "SELECT count(*) FROM holders WHERE (room, asset, creation) NOT IN
        (SELECT room, asset, creation FROM assets WHERE NOT removed)";
    assert_eq!(neighbour.ask::<u32>(strays), 0);
}

/// Starts a child, listens until it told `enough` grants, kills it, and hears what it had told besides.
fn hear(mut child: Command, enough: usize) -> Vec<((AssetName, u64), PlayerName)> {
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heard = Vec::new();
    for line in lines {
        heard.extend(parse(&line.unwrap()));
        if heard.len() == enough {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    heard
}

/// A line of a child. The last may have been cut off, so the line's end is part of it.
fn parse(line: &str) -> Option<((AssetName, u64), PlayerName)> {
    let words: Vec<_> = line.split(' ').collect();
    let ["told", asset, revision, player, "."] = words[..] else { return None };
    Some(((asset.parse().unwrap(), revision.parse().unwrap()), player.parse().unwrap()))
}

async fn check(ground: &Ground, told: &Told) {
    let mut held = BTreeMap::new();
    for state in ground.snapshot().await {
        let holders = ground.holders(&state.asset).await;
        assert_eq!(holders.len(), state.held as usize, "{state:?}");
        let grants = holders.into_iter().map(|grant| ((state.asset.clone(), grant.revision), grant.player));
        held.extend(grants);
    }
    for (grant, player) in told {
        assert_eq!(held.get(grant), Some(player), "{grant:?} was told to {player}");
    }
}

fn arena() -> RoomName {
    room("arena")
}

/// Eight players' nodes race for assets that are created as they play, and tell what they got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs until its parent kills it"]
async fn races_until_killed() {
    let Some(file) = file_of_child() else { return };
    let store = open_file(&file).unwrap();
    let run = fastrand::u32(..);
    let racers = (0..8).map(|racer| tokio::spawn(race(Arc::clone(&store), run, racer)));
    futures::future::join_all(racers).await;
}

async fn race(store: Arc<dyn Store>, run: u32, racer: usize) {
    let node = Node::new();
    for lap in 0.. {
        let key = AssetKey { room: arena(), asset: asset(&format!("asset-{run:08x}-{lap}")) };
        let contenders = team(&format!("p{racer}"), 3);
        let selected =
            store.select(node.next(), &key, &contenders, Some(Arc::new(NewAsset::plain(UNITS)))).await.unwrap();
        for (player, verdict) in contenders.iter().zip(selected.into_inner().verdicts) {
            if let Verdict::Granted { revision, .. } = verdict {
                // One write per line, so that lines of racers do not mix.
                let line = format!("told {} {revision} {player} .\n", key.asset);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        }
    }
}
