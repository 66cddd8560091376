//! Servers that stop, die and come back in the middle of things.

use asset_arbiter::model::NewAsset;
use std::{slice::from_ref, time::Duration};

use asset_arbiter::store::StoreErrorKind;
use tokio::time::{Instant, sleep};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal},
    engines::{eventually, mysql},
    ground::servers,
    remote::{
        AT_ONCE,
        outages::{the_promise_holds_over_kills, the_promise_holds_over_stops},
        patient, store,
        traffic::in_mid_traffic,
    },
};

/// Only where a commit is on disk: TiDB's built-in store keeps nothing.
#[tokio::test]
async fn the_promise_holds_when_mariadb_is_killed_and_started_again() {
    let Some(engine) = mysql::mariadb() else { return };
    let mut server = engine.start().await;
    let url = server.url();
    let kill = async |away: Duration| {
        server.process.kill();
        sleep(away).await;
        server.restart().await;
    };
    the_promise_holds_over_kills(&url, kill).await;
}

#[tokio::test]
async fn the_promise_holds_while_the_server_is_stopped_now_and_then() {
    for server in servers().await {
        the_promise_holds_over_stops(&server.url(), &server.process).await;
    }
}

/// What an operator kills at the wrong moment is whole or was not done. Not on TiDB: killed at some moments a query takes the
/// whole process with it (`panic: [executor:1317]`), and all that its built-in store had.
#[tokio::test]
async fn the_promise_holds_when_queries_and_connections_are_killed() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    let store = patient(&server.url()).await;
    let trouble = async {
        for round in 0..60 {
            sleep(Duration::from_millis(20)).await;
            let what = if round % 4 == 0 { "CONNECTION" } else { "QUERY" };
            server.kill_all(what).await;
        }
    };
    in_mid_traffic(&store, trouble).await;
}

#[tokio::test]
async fn a_call_while_the_server_is_away_says_quickly_that_it_was_not_made() {
    let Some(engine) = mysql::mariadb() else { return };
    let mut server = engine.start().await;
    let ground = Ground::new(store(&server.url()).await);
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    let (store, key) = (&ground.store, &ground.key(&sword));
    store.create(node.next(), key, &NewAsset::plain(1)).await.unwrap();
    let call = node.next();
    let select = || store.select(call, key, from_ref(&ann), None);
    server.process.kill();
    let since = Instant::now();
    for _ in 0..10 {
        assert_eq!(refusal(select().await), StoreErrorKind::Unavailable, "nobody to send it to");
    }
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
    server.restart().await;
    let back = eventually("the store to be back", async || select().await.ok()).await;
    assert_eq!(back.verdicts, [granted(1)]);
}

/// Somebody else holds the row: a call waits a second for it, and nothing happened.
#[tokio::test]
async fn a_row_that_somebody_else_locks_is_not_waited_for_for_ever() {
    use mysql_async::prelude::Queryable;

    for server in servers().await {
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        let mut other = server.try_connect(Some(mysql::DATABASE)).await.unwrap();
        other.query_drop("BEGIN /*T! PESSIMISTIC */").await.unwrap();
        other.query_drop("UPDATE asset_arbiter_assets SET units = units + 1").await.unwrap();
        let (call, since) = (node.next(), Instant::now());
        let key = ground.key(&sword);
        let select = || ground.store.select(call, &key, from_ref(&ann), None);
        assert!(select().await.is_err_and(|error| error.kind().temporary()));
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        assert_eq!(ground.state(&sword).await.revision, 0, "who only looks does not wait");
        other.query_drop("ROLLBACK").await.unwrap();
        assert_eq!(select().await.unwrap().verdicts, [granted(1)]);
    }
}
