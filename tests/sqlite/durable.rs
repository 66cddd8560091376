use asset_arbiter::store::Verdict;

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
    assert_eq!(db_file.left(), ["game.db", "game.db.lock"], "the log of changes is in the file");
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
