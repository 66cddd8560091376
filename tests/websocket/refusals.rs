//! Connections that are accepted, and then closed with the code that tells what to do.

use std::time::Duration;

use asset_arbiter::model::ServerMessage;

use crate::support::{Closed, Server, Socket, eventually};

/// Whether it tells to come back later, with when.
fn later(closed: &Closed, code: u16) -> bool {
    closed.code == code && closed.retry_after_ms > 0
}

#[tokio::test]
async fn members_of_a_removed_room_are_closed_for_good() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut observer) = (server.join("r", "ann").await, server.observe("r").await);
    let mut elsewhere = server.join("other", "bob").await;
    assert!(ann.gets("sword").await);
    server.arbiter.remove_room(&"r".parse().unwrap()).await.unwrap();
    for client in [&mut ann, &mut observer] {
        assert_eq!(client.closed().await, Closed { code: 4004, retry_after_ms: 0 });
    }
    elsewhere.pinged().await;
    let anew = server.join("r", "ann").await;
    assert_eq!(
        (anew.welcome.assets, anew.welcome.held),
        (Some(Vec::new()), Some(Vec::new())),
        "nothing is left"
    );
}

#[tokio::test]
async fn a_full_room_sends_away_until_someone_leaves() {
    let server = Server::with(|setup| setup.config.max_members = 2).await;
    let mut ann = server.join("r", "ann").await;
    let mut observer = server.observe("r").await;
    let closed = Socket::open(server.address, "r/ws?player=bob").await.closed().await;
    assert!(later(&closed, 4113), "{closed:?}");
    server.join("other", "bob").await;
    ann.leave().await;
    observer.hear_until(|m| matches!(m, ServerMessage::PlayerLeft { .. }).then_some(())).await;
    server.join("r", "bob").await;
    assert_eq!(server.closes("4113").await, 1);
}

#[tokio::test]
async fn a_node_with_all_the_rooms_it_may_have_sends_away() {
    let server = Server::with(|setup| {
        setup.config.max_rooms = 1;
        setup.config.room_linger = Duration::ZERO;
    })
    .await;
    let mut ann = server.join("r", "ann").await;
    let closed = Socket::open(server.address, "other/ws").await.closed().await;
    assert!(later(&closed, 4113), "{closed:?}");
    server.join("r", "bob").await.leave().await;
    eventually(1, || server.metric("asset_arbiter_rooms")).await;
    ann.leave().await;
    eventually(0, || server.metric("asset_arbiter_rooms")).await;
    server.join("other", "ann").await;
}

#[tokio::test]
async fn a_node_with_all_the_connections_it_may_have_sends_away() {
    let server = Server::with(|setup| setup.settings.max_connections = 2).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    let closed = Socket::open(server.address, "r/ws?player=cid").await.closed().await;
    assert!(later(&closed, 4113), "{closed:?}");
    bob.leave().await;
    drop(bob);
    // A seat is free once the socket is closed, which the client cannot see.
    let welcomed = || async {
        let mut socket = Socket::open(server.address, "r/ws?player=cid").await;
        socket.text_or_closed().await.is_ok()
    };
    eventually(true, welcomed).await;
    ann.pinged().await;
}

#[tokio::test]
async fn without_a_store_a_room_nobody_knows_sends_away_until_it_is_back() {
    let server = Server::with(|setup| setup.config.select_deadline = Duration::from_millis(200)).await;
    server.create("r", "sword", 1).await;
    for away in [asset_arbiter::store::faulty::Faulty::refuse, asset_arbiter::store::faulty::Faulty::hold] {
        away(&server.store);
        let closed = Socket::open(server.address, "unknown/ws?player=ann").await.closed().await;
        assert!(later(&closed, 4101), "{closed:?}");
    }
    server.store.resume();
    server.join("unknown", "ann").await;
    assert_eq!(server.closes("4101").await, 2);
}

#[tokio::test]
async fn without_a_store_a_room_that_is_known_is_shown_and_selects_wait() {
    let server = Server::with(|setup| setup.config.select_deadline = Duration::from_secs(1)).await;
    server.create("r", "sword", 1).await;
    let _ann = server.join("r", "ann").await;
    server.store.refuse();
    let mut bob = server.join("r", "bob").await;
    assert_eq!(bob.welcome.assets.as_ref().unwrap()[0].remaining, 1);
    bob.select("sword", 1).await;
    let refused = bob.reply().await;
    assert!(matches!(refused, ServerMessage::Error { temporary: true, .. }), "{refused:?}");
    bob.select("sword", 2).await;
    bob.pinged().await;
    server.store.resume();
    let reply = bob.reply().await;
    assert!(matches!(reply, ServerMessage::Selection { granted: true, .. }), "{reply:?}");
}

#[tokio::test]
async fn a_page_of_another_origin_sees_why_it_is_refused() {
    let server = Server::start().await;
    let foreign = "Origin: https://evil.example\r\n";
    let mut socket = Socket::open_with(server.address, "r/ws?player=ann", foreign).await;
    assert_eq!(socket.closed().await, Closed { code: 4003, retry_after_ms: 0 });
    let sentence = socket.refusal.expect("a browser shows nothing else");
    assert!(sentence.contains("origin") && sentence.contains("--allow-origin"), "{sentence}");
    assert_eq!(server.store.calls().snapshot, 0, "no room was looked at");
    assert_eq!(server.closes("4003").await, 1);
}
