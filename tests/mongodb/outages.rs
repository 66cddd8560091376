//! Servers that stop, die and come back in the middle of things.

use asset_arbiter::model::NewAsset;
use std::{slice::from_ref, time::Duration};

use asset_arbiter::store::StoreErrorKind;
use tokio::time::{Instant, sleep};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal},
    engines::eventually,
    ground::server,
    remote::{
        outages::{the_promise_holds_over_kills, the_promise_holds_over_stops},
        store,
    },
};

#[tokio::test]
async fn the_promise_holds_when_the_server_is_killed_and_started_again() {
    let Some(mut server) = server() else { return };
    let url = server.url();
    let kill = async |away: Duration| {
        server.process.kill();
        sleep(away).await;
        server.restart();
    };
    the_promise_holds_over_kills(&url, kill).await;
}

#[tokio::test]
async fn the_promise_holds_while_the_server_is_stopped_now_and_then() {
    let Some(server) = server() else { return };
    the_promise_holds_over_stops(&server.url(), &server.process).await;
}

#[tokio::test]
async fn a_call_while_the_server_is_away_says_in_time_that_it_was_not_made() {
    let Some(mut server) = server() else { return };
    let ground = Ground::new(store(&server.url()).await);
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    let (store, key) = (&ground.store, &ground.key(&sword));
    store.create(node.next(), key, &NewAsset::plain(1)).await.unwrap();
    let call = node.next();
    let select = || store.select(call, key, from_ref(&ann), None);
    server.process.kill();
    let since = Instant::now();
    assert_eq!(refusal(select().await), StoreErrorKind::Unavailable, "nobody to send it to");
    assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
    server.restart();
    let back = eventually("the store to be back", async || select().await.ok()).await;
    assert_eq!(back.verdicts, [granted(1)]);
}
