//! What a connection may ask for at once, per second, and in one message.

use std::{collections::BTreeSet, time::Duration};

use asset_arbiter::model::{ErrorCode, ServerMessage, limits::BAD_MESSAGES};
use tokio::{io::AsyncWriteExt, time::sleep};

use crate::support::{Server, Socket, select, soon, text};

const SELECTS: usize = 10_000;

fn request_id(message: &ServerMessage) -> usize {
    match message {
        ServerMessage::Selection { request_id: Some(id), .. } => id.as_json().parse().unwrap(),
        other => panic!("not a selection: {other:?}"),
    }
}

/// Writes all of it while the connection is read elsewhere; a connection that is closed meanwhile is no fault.
fn write_beside(socket: &Socket, bytes: Vec<u8>) {
    let mut twin = socket.twin();
    tokio::spawn(async move { twin.write_all(&bytes).await });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_selects_at_once_are_all_answered_in_order() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut ann = server.join("r", "ann").await;
    write_beside(&ann, (0..SELECTS).flat_map(|n| select("sword", n)).collect());
    for expected in 0..SELECTS {
        assert_eq!(request_id(&ann.reply().await), expected);
    }
    assert_eq!(
        (server.selects("granted").await, server.selects("already_held").await),
        (1, SELECTS as u64 - 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_at_most_64_selects_in_flight_and_is_not_read_beyond() {
    let server = Server::with(|setup| {
        (setup.config.auto_create, setup.config.max_assets) = (Some(1), SELECTS);
        setup.config.select_deadline = Duration::from_secs(60);
    })
    .await;
    let (mut ann, mut other) = (server.join("r", "ann").await, server.observe("elsewhere").await);
    server.store.hold();
    // One asset each, so that every select is a store call of its own.
    write_beside(&ann, (0..SELECTS).flat_map(|n| select(format!("a{n}"), n)).collect());
    server.has_selected(64).await;
    for _ in 0..50 {
        other.pinged().await;
    }
    assert_eq!(server.store.calls().select, 64);
    assert_eq!(
        server.metric("asset_arbiter_messages_received_total").await,
        64 + 50,
        "the rest is not even read"
    );
    server.store.resume();
    let mut answered = BTreeSet::new();
    while answered.len() < SELECTS {
        assert!(answered.insert(request_id(&ann.reply().await)), "each once");
    }
    assert_eq!(server.selects("granted").await, SELECTS as u64);
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_connection_and_no_other() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut other = server.join("r", "other").await;
    let padded = |len: usize| format!("{:<len$}", r#"{"type":"ping"}"#);
    let mut ann = server.join("r", "ann").await;
    ann.say(padded(4096)).await;
    assert!(matches!(ann.reply().await, ServerMessage::Pong { .. }), "--max-message is allowed");
    ann.say(padded(5 * 1024)).await;
    assert_eq!(ann.closed().await.code, 1009);
    let mut bob = server.join("r", "bob").await;
    let half = padded(2100);
    bob.raw(&crate::support::frame(0x01, half.as_bytes())).await;
    bob.raw(&crate::support::frame(0x80, half.as_bytes())).await;
    assert_eq!(bob.closed().await.code, 1009, "in pieces, too");
    assert!(other.gets("sword").await);
    assert_eq!(server.closes("1009").await, 2);
}

#[tokio::test]
async fn a_player_that_asks_too_fast_is_refused_and_served_again_later() {
    let server = Server::with(|setup| setup.settings.selects_per_second = 10).await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    let selects: Vec<u8> = (0..100).flat_map(|n| select("sword", n)).collect();
    ann.raw(&selects).await;
    let (mut served, mut refused) = (0, 0);
    for _ in 0..100 {
        match ann.reply().await {
            ServerMessage::Selection { granted: true, .. } => served += 1,
            ServerMessage::Error {
                code: ErrorCode::RateLimited, temporary: true, request_id: Some(_), ..
            } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    // A second's worth at once, and what a slow machine adds.
    assert!((10..40).contains(&served) && served + refused == 100, "{served}");
    let other = bob.selects("sword").await;
    assert!(
        matches!(other, ServerMessage::Selection { granted: false, .. }),
        "bob has a rate of its own: {other:?}"
    );
    let served_again = async {
        while !matches!(ann.selects("sword").await, ServerMessage::Selection { .. }) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon("the next tenth of a second", served_again).await;
}

#[tokio::test]
async fn a_refused_sync_names_its_request() {
    let server = Server::with(|setup| setup.settings.selects_per_second = 1).await;
    let mut ann = server.join("r", "ann").await;
    let syncs = [r#"{"type":"ping"}"#, r#"{"type":"sync","request_id":"20"}"#, r#"{"type":"sync"}"#];
    ann.raw(&syncs.iter().flat_map(|message| text(message)).collect::<Vec<u8>>()).await;
    let mut named = Vec::new();
    for _ in syncs {
        match ann.reply().await {
            ServerMessage::Pong { .. } => {}
            ServerMessage::Error { code: ErrorCode::RateLimited, temporary: true, request_id, .. } => {
                named.push(request_id.map(|id| id.as_json().to_owned()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(named, [Some("\"20\"".to_owned()), None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_that_never_stops_is_sent_away_for_a_while() {
    let server = Server::with(|setup| setup.settings.selects_per_second = 50).await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    // It even waits for each answer: the server is not overrun, only asked too often.
    let flood = async {
        loop {
            ann.select("sword", 0).await;
            if let Err(closed) = ann.text_or_closed().await {
                return closed;
            }
        }
    };
    let closed = soon("the end of patience", flood).await;
    assert!(closed.code == 4129 && closed.retry_after_ms > 0, "{closed:?}");
    bob.selects("sword").await;
    assert_eq!(server.closes("4129").await, 1);
}

#[tokio::test]
async fn who_sends_nothing_but_nonsense_is_sent_away_for_good() {
    let server = Server::start().await;
    let mut bob = server.join("r", "bob").await;
    let nonsense = |count: u32| (0..count).flat_map(|_| text("nonsense")).collect::<Vec<u8>>();
    let mut ann = server.join("r", "ann").await;
    for _ in 0..3 {
        write_beside(&ann, [nonsense(BAD_MESSAGES), text(r#"{"type":"ping"}"#)].concat());
        while !matches!(ann.reply().await, ServerMessage::Pong { .. }) {}
    }
    write_beside(&ann, nonsense(BAD_MESSAGES + 1));
    for _ in 0..=BAD_MESSAGES {
        let reply = ann.reply().await;
        assert!(matches!(reply, ServerMessage::Error { code: ErrorCode::BadMessage, .. }), "{reply:?}");
    }
    let closed = ann.closed().await;
    assert_eq!((closed.code, closed.retry_after_ms), (4008, 0));
    bob.pinged().await;
    assert_eq!(server.closes("4008").await, 1);
}
