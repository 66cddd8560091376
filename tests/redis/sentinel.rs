//! Sentinels tell which server is the primary, and which one is after it.

use std::slice::from_ref;

use crate::{
    conformance::ground::{Ground, Node, already, asset, granted, players},
    engines::eventually,
    ground::engines,
    remote::store,
};

#[tokio::test]
async fn the_primary_that_sentinels_name_is_used_and_so_is_its_successor() {
    for engine in engines() {
        let (mut primary, replica) = engine.start_pair().await;
        let sentinel = engine.start_sentinel("main", &primary).await;
        let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port);
        let ground = Ground::new(store(&url).await);
        let (sword, node, [ann, bob]) = (asset("sword"), Node::new(), players(["ann", "bob"]));
        ground.create(node.next(), &sword, 2).await;
        ground.select(node.next(), &sword, from_ref(&ann)).await;
        let has_it = async || (replica.ask::<usize>(&["DBSIZE"]) == 4).then_some(());
        eventually("the replica to have it", has_it).await;

        primary.process.kill();
        let (call, both) = (node.next(), [ann, bob]);
        let key = ground.key(&sword);
        let select = || ground.store.select(call, &key, &both, None);
        let told = eventually("the successor's answer", async || select().await.ok()).await;
        assert_eq!(told.verdicts, [already(1), granted(2)], "{}", engine.name);

        // The old one comes back, empty, and takes itself for the primary until it is told otherwise.
        primary.restart();
        for _ in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            assert_eq!(ground.state(&sword).await.revision, 2);
        }
    }
}
