use asset_arbiter::store::Verdict;
use futures::future::join_all;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, player, players},
    temp_db::TempDb,
};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let db_file = TempDb::new();
    let store = db_file.open();
    let (ground, node, [bow, shield, sword]) =
        (Ground::new(store), Node::new(), ["bow", "shield", "sword"].map(asset));
    for asset in [&bow, &shield, &sword] {
        ground.create(node.next(), asset, 2).await;
        ground.select(node.next(), asset, &players(["ann", "bob", "cat"])).await;
    }
    let release = node.next();
    ground.release(release, &sword, &player("ann")).await;
    let restock = Node::new().next();
    ground.restock(restock, &shield, 3).await;
    ground.remove(Node::new().next(), &bow).await;
    let before = (ground.snapshot().await, ground.revisions().await, ground.held_by(&player("bob")).await);

    let room = ground.room.clone();
    drop(ground);
    let ground = Ground { store: db_file.open(), room };
    let after = (ground.snapshot().await, ground.revisions().await, ground.held_by(&player("bob")).await);
    assert_eq!(after, before);
    assert!(ground.release(release, &sword, &player("ann")).await.is_repeat(), "calls are remembered, too");
    assert!(ground.restock(restock, &shield, 3).await.is_repeat());
    assert_eq!(ground.snapshot().await, before.0);
    let verdicts =
        ground.select(node.next(), &sword, &players(["cat", "bob", "dan"])).await.into_inner().verdicts;
    assert_eq!(verdicts, [granted(4), already(2), Verdict::SoldOut]);
}

/// Whoever still asks keeps the store open; when the last is answered, one file is left, and nobody has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_is_asked_and_leaves_one_file() {
    let db_file = TempDb::new();
    let store = db_file.open();
    let (ground, node) = (Ground::new(store), Node::new());
    ground.create(node.next(), &asset("sword"), 300).await;
    let room = ground.room.clone();
    let asks: Vec<_> = (0..300)
        .map(|number| {
            let (ground, call) = (ground.clone(), Node::new().next());
            tokio::spawn(async move {
                let contenders = [player(&format!("p-{number}"))];
                ground.store.select(call, &ground.key(&asset("sword")), &contenders, None).await
            })
        })
        .collect();
    drop(ground);
    let answers = join_all(asks).await;
    assert!(
        answers
            .into_iter()
            .all(|answer| matches!(answer.unwrap().unwrap().verdicts[..], [Verdict::Granted { .. }]))
    );
    let mut left: Vec<_> = std::fs::read_dir(db_file.file().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["game.db", "game.db.lock"], "the log of changes is in the file");
    let ground = Ground { store: db_file.open(), room };
    let state = ground.state(&asset("sword")).await;
    assert_eq!((state.held, state.remaining), (300, 0));
}
