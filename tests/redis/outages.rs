//! Servers that stop, die and come back in the middle of things.

use asset_arbiter::model::NewAsset;
use std::{slice::from_ref, time::Duration};

use asset_arbiter::store::StoreErrorKind;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    conformance::ground::{Ground, Node, asset, granted, players, refusal},
    engines::{eventually, redis::DURABLE},
    ground::{engines, servers},
    remote::{
        AT_ONCE,
        outages::{the_promise_holds_over_kills, the_promise_holds_over_stops},
        patient, store,
        traffic::in_mid_traffic,
    },
};

#[tokio::test]
async fn the_promise_holds_while_the_server_is_stopped_now_and_then() {
    for server in servers() {
        the_promise_holds_over_stops(&server.url(), &server.process).await;
    }
}

#[tokio::test]
async fn the_promise_holds_when_the_server_is_killed_and_started_again() {
    for engine in engines() {
        let mut server = engine.start_with(&DURABLE);
        let url = server.url();
        let kill = async |away: Duration| {
            server.process.kill();
            sleep(away).await;
            server.restart();
        };
        the_promise_holds_over_kills(&url, kill).await;
    }
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_brought_again() {
    for server in servers() {
        let store = store(&server.url()).await;
        let trouble = async {
            for _ in 0..50 {
                sleep(Duration::from_millis(10)).await;
                server.ask::<()>(&["SCRIPT", "FLUSH"]);
            }
        };
        in_mid_traffic(&store, trouble).await;
    }
}

#[tokio::test]
async fn the_promise_holds_when_the_server_cuts_its_clients() {
    for server in servers() {
        let store = patient(&server.url()).await;
        let trouble = async {
            for _ in 0..20 {
                sleep(Duration::from_millis(50)).await;
                server.ask::<()>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            }
        };
        in_mid_traffic(&store, trouble).await;
    }
}

/// What was surely not sent did not happen; what may have been sent may have.
#[tokio::test]
async fn a_call_while_the_server_is_away_says_quickly_whether_it_was_sent() {
    for engine in engines() {
        let mut server = engine.start_with(&DURABLE);
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        let (store, key) = (&ground.store, &ground.key(&sword));
        store.create(node.next(), key, &NewAsset::plain(1)).await.unwrap();
        let call = node.next();
        let select = || store.select(call, key, from_ref(&ann), None);

        server.process.pause();
        assert!(timeout(AT_ONCE, select()).await.is_err(), "it is on its way");
        let sent = select();
        let killed = async {
            sleep(Duration::from_millis(50)).await;
            server.process.kill();
        };
        let (answer, ()) = tokio::join!(sent, killed);
        assert_eq!(refusal(answer), StoreErrorKind::OutcomeUnknown);

        let away = async || select().await.is_err_and(|error| error.kind() == StoreErrorKind::Unavailable);
        eventually("the store to notice", async || away().await.then_some(())).await;
        let since = Instant::now();
        for _ in 0..10 {
            assert_eq!(refusal(select().await), StoreErrorKind::Unavailable, "nobody to send it to");
        }
        assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());

        server.restart();
        let back = eventually("the store to be back", async || select().await.ok()).await;
        assert_eq!(back.verdicts, [granted(1)], "it never arrived");
    }
}

/// The server's own refusals come before any effect.
#[tokio::test]
async fn what_the_server_refuses_did_not_happen() {
    for engine in engines() {
        let server = engine.start();
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        let before = ground.create(node.next(), &sword, 1).await.into_inner().state;
        let no_port = engine.start().port.to_string();
        let reasons: [(&[&str], &[&str]); 3] = [
            (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
            (
                &["CONFIG", "SET", "min-replicas-to-write", "1"],
                &["CONFIG", "SET", "min-replicas-to-write", "0"],
            ),
            (&["REPLICAOF", "127.0.0.1", &no_port], &["REPLICAOF", "NO", "ONE"]),
        ];
        for (begin, end) in reasons {
            server.ask::<()>(begin);
            let refused = ground.store.select(node.next(), &ground.key(&sword), from_ref(&ann), None).await;
            assert_eq!(refusal(refused), StoreErrorKind::Unavailable, "{}: {begin:?}", engine.name);
            server.ask::<()>(end);
            let state = eventually("a read", async || ground.store.asset(&ground.key(&sword)).await.ok()).await;
            assert_eq!(state, before, "{begin:?}");
        }
        assert_eq!(ground.select(node.next(), &sword, &[ann]).await.verdicts, [granted(1)]);
    }
}

/// A script that never ends keeps the server from working, but not us from knowing that nothing happened.
#[tokio::test]
async fn a_busy_server_refuses() {
    for engine in engines() {
        let server = engine.start_with(&["--save", "", "--busy-reply-threshold", "50"]);
        let ground = Ground::new(store(&server.url()).await);
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        let (store, key) = (&ground.store, &ground.key(&sword));
        store.create(node.next(), key, &NewAsset::plain(1)).await.unwrap();
        let mut endless = server.try_connect().unwrap();
        let endless = std::thread::spawn(move || {
            redis::cmd("EVAL").arg("while true do end").arg(0).query::<()>(&mut endless).unwrap_err()
        });
        let call = node.next();
        let select = async || store.select(call, key, from_ref(&ann), None).await;
        let is_busy = async || {
            let answer = redis::cmd("GET").arg("x").query::<redis::Value>(&mut server.try_connect()?);
            answer.is_err_and(|error| error.code() == Some("BUSY")).then_some(())
        };
        eventually("the server to be busy", is_busy).await;
        let refused = select().await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Unavailable, "{refused}");
        server.ask::<()>(&["SCRIPT", "KILL"]);
        endless.join().unwrap();
        assert_eq!(select().await.unwrap().verdicts, [granted(1)]);
    }
}
