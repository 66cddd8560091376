//! What assets with deadlines cost to read, and what they leave.

use std::slice::from_ref;

use asset_arbiter::model::{AssetOptions, NewAsset};

use crate::{
    conformance::ground::{Ground, Node, asset, players, team},
    engines::{
        eventually,
        mysql::{self, DATABASE, Server},
    },
    ground::servers,
    remote::store,
};

/// The statements that read, so far, as MariaDB counts them.
async fn selects(server: &Server) -> u64 {
    let counted = "SELECT CAST(VARIABLE_VALUE AS UNSIGNED) FROM information_schema.GLOBAL_STATUS \
                   WHERE VARIABLE_NAME = 'COM_SELECT'";
    server.count(counted).await
}

fn hold() -> AssetOptions {
    AssetOptions { hold_ms: Some(60_000), ..AssetOptions::NONE }
}

/// A node looks for the holders of an asset with deadlines among the others once.
#[tokio::test]
async fn what_reads_a_plain_asset_reads_no_more_and_one_with_deadlines_is_read_twice_once() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    let (maker, node, names) = (Ground::new(store(&server.url()).await), Node::new(), players(["ann", "bob"]));
    let other = Ground { store: store(&server.url()).await, room: maker.room.clone() };
    for (name, options) in [("sword", AssetOptions::NONE), ("bow", hold())] {
        let key = maker.key(&asset(name));
        maker.store.create(node.next(), &key, &NewAsset { units: 1, options }).await.unwrap();
        maker.store.select(node.next(), &key, from_ref(&names[0]), None).await.unwrap();
    }
    // To count is to read, too; and at its start a store looks for what others left.
    let counting = eventually("the sweepers to rest", async || {
        let counts = [selects(&server).await, selects(&server).await, selects(&server).await];
        (counts[1] - counts[0] == counts[2] - counts[1]).then_some(counts[2] - counts[1])
    });
    let counting = counting.await;
    for (ground, name, expected) in [
        (&maker, "sword", [3, 3]),
        (&maker, "bow", [4, 4]),
        (&other, "sword", [3, 3]),
        // Three of them among the plain holders.
        (&other, "bow", [7, 4]),
    ] {
        for expected in expected {
            let before = selects(&server).await;
            let (key, bob) = (ground.key(&asset(name)), from_ref(&names[1]));
            ground.store.select(node.next(), &key, bob, None).await.unwrap();
            assert_eq!(selects(&server).await - before - counting, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn holders_with_deadlines_are_deleted_with_their_life() {
    for server in servers().await {
        let (ground, node) = (Ground::new(store(&server.url()).await), Node::new());
        let (bow, many) = (asset("bow"), team("p", 100));
        let new = NewAsset { units: 100, options: hold() };
        ground.store.create(node.next(), &ground.key(&bow), &new).await.unwrap();
        ground.select(node.next(), &bow, &many).await;
        let rows = format!("SELECT COUNT(*) FROM {DATABASE}.asset_arbiter_leases");
        assert_eq!(server.count(&rows).await, 100);
        ground.reset(node.next(), &bow).await;
        ground.select(node.next(), &bow, &many[..3]).await;
        let only = async |count: u64| (server.count(&rows).await == count).then_some(());
        eventually("the first life's to go", async || only(3).await).await;
        assert_eq!(ground.holders(&bow).await.len(), 3, "the second life's stay");
        ground.store.remove_room(&ground.room).await.unwrap();
        eventually("everything to go", async || only(0).await).await;
    }
}
