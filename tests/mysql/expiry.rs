//! Rooms that nobody uses go, whole; and so does what is left of assets that went.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{model::limits::HOLDERS_PAGE, store::Call};

use crate::{
    conformance::ground::{Ground, Node, asset, players, team},
    engines::{
        eventually,
        mysql::{self, DATABASE, Server},
    },
    ground::servers,
    remote::{expiring, expiry::the_url_goes_before_the_flag},
};

const TTL: Duration = Duration::from_secs(3600);
/// A room goes up to so much later: it is noted once a minute that it is in use.
const NOTED_EVERY: u64 = 60_000;

async fn rows(server: &Server, table: &str) -> u64 {
    server.count(&format!("SELECT COUNT(*) FROM {DATABASE}.asset_arbiter_{table}")).await
}

fn later(call: Call) -> Call {
    Call { at: call.at + TTL.as_millis() as u64 + 2 * NOTED_EVERY, ..call }
}

#[tokio::test]
async fn a_room_nobody_uses_goes_whole_and_those_that_are_used_stay() {
    for server in servers().await {
        let store = expiring(&server.url(), TTL).await;
        let [unused, kept, changed, newest] = [(); 4].map(|()| Ground::new(Arc::clone(&store)));
        let (node, sword, contenders) = (Node::new(), asset("sword"), players(["ann", "bob"]));
        for ground in [&unused, &kept, &changed] {
            ground.create(node.next(), &sword, 2).await;
            ground.select(node.next(), &sword, &contenders).await;
        }
        store.touch(&kept.room, later(node.next()).at).await.unwrap();
        changed.restock(later(node.next()), &sword, 1).await;
        newest.create(later(node.next()), &sword, 1).await;
        eventually("the unused room to go", async || unused.snapshot().await.is_empty().then_some(())).await;
        for used in [&kept, &changed] {
            assert_eq!(used.holders(&sword).await.len(), 2, "{}", server.engine.name);
        }
        eventually("its holders to go", async || (rows(&server, "holders").await == 4).then_some(())).await;
        let left =
            [rows(&server, "rooms").await, rows(&server, "assets").await, rows(&server, "leftovers").await];
        assert_eq!(left, [3, 3, 0]);
    }
}

#[tokio::test]
async fn holders_of_a_life_that_is_over_are_deleted_also_if_they_are_many() {
    for server in servers().await {
        let ground = Ground::new(expiring(&server.url(), TTL).await);
        let (node, [sword, shield], many) = (Node::new(), ["sword", "shield"].map(asset), 2 * HOLDERS_PAGE + 7);
        for asset in [&sword, &shield] {
            ground.create(node.next(), asset, many as u32).await;
        }
        for some in team("p", many).chunks(100) {
            ground.select(node.next(), &sword, some).await;
        }
        ground.select(node.next(), &shield, &players(["ann"])).await;
        ground.remove(node.next(), &sword).await;
        eventually("its holders to go", async || (rows(&server, "holders").await == 1).then_some(())).await;
        ground.store.remove_room(&ground.room).await.unwrap();
        eventually("all to go", async || (rows(&server, "holders").await == 0).then_some(())).await;
        eventually("the notes to go", async || (rows(&server, "leftovers").await == 0).then_some(())).await;
        assert_eq!((rows(&server, "rooms").await, rows(&server, "assets").await), (0, 0));
    }
}

#[tokio::test]
async fn what_the_url_says_goes_before_what_the_flag_says() {
    let Some(engine) = mysql::mariadb() else { return };
    the_url_goes_before_the_flag(&engine.start().await.url());
}
