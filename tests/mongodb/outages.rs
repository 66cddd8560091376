//! Servers that stop, die and come back in the middle of things.

use std::{slice::from_ref, time::Duration};

use asset_arbiter::store::StoreErrorKind;
use tokio::time::{Instant, sleep};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal},
    engines::{eventually, mongodb::ferretdb},
    remote::{patient, store, traffic::in_mid_traffic},
};

#[tokio::test]
async fn the_promise_holds_when_the_server_is_killed_and_started_again() {
    let Some(engine) = ferretdb() else { return };
    let mut server = engine.start();
    let store = patient(&server.url()).await;
    let trouble = async {
        for away in [0, 300] {
            sleep(Duration::from_millis(500)).await;
            server.process.kill();
            sleep(Duration::from_millis(away)).await;
            server.restart();
        }
    };
    in_mid_traffic(&store, trouble).await;
}

#[tokio::test]
async fn the_promise_holds_while_the_server_is_stopped_now_and_then() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    let store = patient(&server.url()).await;
    let trouble = async {
        // The last is long enough for connections to be given up.
        for stop in [100, 300, 2500] {
            sleep(Duration::from_millis(300)).await;
            server.process.pause();
            sleep(Duration::from_millis(stop)).await;
            server.process.resume();
        }
    };
    in_mid_traffic(&store, trouble).await;
}

#[tokio::test]
async fn a_call_while_the_server_is_away_says_in_time_that_it_was_not_made() {
    let Some(engine) = ferretdb() else { return };
    let mut server = engine.start();
    let Ground { store, room } = &Ground::new(store(&server.url()).await);
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    store.create(node.next(), room, &sword, 1).await.unwrap();
    let call = node.next();
    let select = || store.select(call, room, &sword, from_ref(&ann), None);
    server.process.kill();
    let since = Instant::now();
    assert_eq!(refusal(select().await), StoreErrorKind::Unavailable, "nobody to send it to");
    assert!(since.elapsed() < Duration::from_millis(2500), "{:?}", since.elapsed());
    server.restart();
    let back = eventually("the store to be back", async || select().await.ok()).await;
    assert_eq!(back.verdicts, [granted(1)]);
}
