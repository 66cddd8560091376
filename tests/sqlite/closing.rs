use std::{fs, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetName, NewAsset, PlayerName},
    store::{StoreErrorKind, Verdict},
};
use futures::future::join_all;
use rusqlite::Connection;

use crate::{
    conformance::ground::{Ground, Node, asset, granted, player, players, refusal, room},
    neighbour::Neighbour,
    temp_db::{TempDb, open_file},
};

const STOPS: usize = 100;
const CALLERS: usize = 24;

/// Selects for new players until the store is closed. Those that were granted one.
async fn ask_until_it_ends(ground: Ground, asset: AssetName, caller: usize) -> Vec<(u64, PlayerName)> {
    let (node, mut told) = (Node::new(), Vec::new());
    for turn in 0.. {
        let who = player(&format!("p-{caller}-{turn}"));
        match ground
            .store
            .select(
                node.next(),
                &ground.key(&asset),
                std::slice::from_ref(&who),
                Some(Arc::new(NewAsset::plain(1_000_000))),
            )
            .await
        {
            Ok(selected) => match selected.verdicts[..] {
                [Verdict::Granted { revision, .. }] => told.push((revision, who)),
                _ => panic!("{selected:?}"),
            },
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "what is queued is done: {error}");
                break;
            }
        }
    }
    told
}

/// Each leaves one file that has everything that was told, also when it is copied alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_stops_under_load_each_leave_one_file_with_everything() {
    let db_file = TempDb::new();
    let mut total = 0;
    for stop in 0..STOPS {
        let sword = asset(&format!("sword-{stop}"));
        let ground = Ground { store: db_file.open(), room: room("arena") };
        let asks: Vec<_> = (0..CALLERS)
            .map(|caller| tokio::spawn(ask_until_it_ends(ground.clone(), sword.clone(), caller)))
            .collect();
        tokio::time::sleep(Duration::from_millis(fastrand::u64(5..30))).await;
        ground.store.close().await.unwrap();
        let mut told: Vec<_> = join_all(asks).await.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(db_file.left(), ["game.db", "game.db.lock"], "stop {stop}");
        let copy = TempDb::new();
        fs::copy(db_file.file(), copy.file()).unwrap();
        let copied = Ground { store: copy.open(), room: room("arena") };
        let holders = if told.is_empty() { Vec::new() } else { copied.holders(&sword).await };
        let held: Vec<_> = holders.into_iter().map(|grant| (grant.revision, grant.player)).collect();
        told.sort();
        assert!(held == told, "stop {stop}: told {}, held {}", told.len(), held.len());
        total += told.len();
    }
    assert!(total > STOPS, "only {total} grants were told");
}

#[tokio::test]
async fn a_closed_store_refuses_everything_at_once() {
    let db_file = TempDb::new();
    let store = db_file.open();
    let (ground, node, sword) = (Ground::new(Arc::clone(&store)), Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 1).await;
    store.close().await.unwrap();
    let select = store.select(node.next(), &ground.key(&sword), &players(["ann"]), None).await;
    assert_eq!(refusal(select), StoreErrorKind::Unavailable);
    assert_eq!(refusal(store.snapshot(&ground.room).await), StoreErrorKind::Unavailable);
    assert_eq!(refusal(store.ping().await), StoreErrorKind::Unavailable);
    assert!(store.status().is_err() && store.close().await.is_err());
    let next = Ground { store: db_file.open(), room: ground.room.clone() };
    assert_eq!(
        next.select(node.next(), &sword, &players(["ann"])).await.verdicts,
        [granted(1)],
        "nobody has it"
    );
}

#[tokio::test]
async fn a_reader_in_a_transaction_keeps_the_log_and_the_end_says_so() {
    let db_file = TempDb::new();
    let ground = Ground { store: db_file.open(), room: room("lobby") };
    let (node, sword) = (Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 2).await;
    let shell = Connection::open(db_file.file()).unwrap();
    shell.execute_batch("BEGIN; SELECT count(*) FROM assets").unwrap();
    ground.select(node.next(), &sword, &players(["ann"])).await;
    let error = ground.store.close().await.unwrap_err();
    assert!(error.message().contains("game.db-wal") && error.message().contains("transaction"), "{error}");
    shell.execute_batch("COMMIT").unwrap();
    let again = Ground { store: db_file.open(), room: room("lobby") };
    assert_eq!(again.state(&sword).await.held, 1);
    again.store.close().await.unwrap();
    assert_eq!(
        fs::metadata(db_file.beside("-wal")).unwrap().len(),
        0,
        "who only has it open keeps an empty log"
    );
}

/// Who merely has the file open, and copies its log into it, does not matter.
#[tokio::test]
async fn others_may_copy_the_log_into_the_file() {
    let db_file = TempDb::new();
    let ground = Ground { store: db_file.open(), room: room("lobby") };
    let (node, sword) = (Node::new(), asset("sword"));
    ground.create(node.next(), &sword, 9).await;
    let neighbour = Neighbour::of(&db_file);
    for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
        ground.select(node.next(), &sword, &players([&*mode.to_lowercase()])).await;
        neighbour.run(&format!("PRAGMA wal_checkpoint({mode})"));
    }
    assert_eq!(ground.select(node.next(), &sword, &players(["eve"])).await.verdicts, [granted(5)]);
    ground.store.status().unwrap();
    ground.store.close().await.unwrap();
    drop(neighbour);
    assert_eq!(
        Ground { store: open_file(&db_file.file()).unwrap(), room: room("lobby") }.state(&sword).await.held,
        5
    );
}
