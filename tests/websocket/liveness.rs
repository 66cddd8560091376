//! Who is silent is pinged; who does not answer is cut.

use std::sync::Arc;
use std::time::Duration;

use asset_arbiter::model::{NewAsset, ServerMessage};

use crate::support::{Client, Server, Setup, Socket, select};

const PING_INTERVAL: Duration = Duration::from_millis(50);
const PING_TIMEOUT: Duration = Duration::from_millis(800);

fn hasty(setup: &mut Setup) {
    (setup.settings.ping_interval, setup.settings.ping_timeout) = (PING_INTERVAL, PING_TIMEOUT);
}

/// Does nothing until it is cut: so do others that would have been cut if they could.
async fn outlast(server: &Server, mut silent: Client) {
    server.has_closed("4200", 1).await;
    assert_eq!(silent.closed().await.code, 4200);
    assert!(silent.pings > 0, "it was asked first");
}

#[tokio::test]
async fn who_does_not_answer_a_ping_is_cut_and_leaves_the_room() {
    let server = Server::with(hasty).await;
    let mut witness = server.observe("r").await;
    let silent = server.join("r", "silent").await;
    let left = |message: &ServerMessage| matches!(message, ServerMessage::PlayerLeft { .. }).then_some(());
    witness.hear_until(left).await;
    outlast(&server, silent).await;
    witness.pinged().await;
}

#[tokio::test]
async fn who_answers_pings_stays() {
    let server = Server::with(hasty).await;
    let mut ann = server.join("r", "ann").await;
    assert_eq!(ann.welcome.ping_interval_ms, PING_INTERVAL.as_millis() as u64);
    // Longer than anyone may stay who does not answer.
    let pings = (PING_INTERVAL + PING_TIMEOUT).as_millis() / PING_INTERVAL.as_millis() + 5;
    ann.hear_pings(pings as usize).await;
    ann.pinged().await;
    assert_eq!(server.closes("4200").await, 0);
}

#[tokio::test]
async fn who_speaks_is_not_pinged() {
    let server = Server::with(|setup| setup.settings.ping_interval = Duration::from_secs(20)).await;
    let mut ann = server.join("r", "ann").await;
    for _ in 0..100 {
        ann.pinged().await;
    }
    assert_eq!(ann.pings, 0);
}

#[tokio::test]
async fn a_client_under_backpressure_is_not_cut_for_a_missing_pong() {
    let server = Server::with(|setup| {
        hasty(setup);
        setup.config.select_deadline = Duration::from_secs(60);
        setup.config.auto_create = Some(1);
        setup.settings.in_flight = 4;
    })
    .await;
    let mut ann = server.join("r", "ann").await;
    server.create("elsewhere", "sword", 1).await;
    server.observe("elsewhere").await.leave().await;
    server.store.hold();
    let selects: Vec<u8> = (0..9).flat_map(|n| select(format!("a{n}"), n)).collect();
    ann.raw(&selects).await;
    server.has_selected(4).await;
    let silent = server.observe("elsewhere").await;
    outlast(&server, silent).await;
    server.store.resume();
    for _ in 0..9 {
        let reply = ann.reply().await;
        assert!(matches!(reply, ServerMessage::Selection { granted: true, .. }), "{reply:?}");
    }
    assert_eq!(server.closes("4200").await, 1);
}

#[tokio::test]
async fn a_client_that_has_yet_to_take_what_it_is_sent_is_not_cut_for_a_missing_pong() {
    // Some megabytes of assets: more than the kernel takes for a client that does not read.
    let assets = (0..60_000).map(|n| (format!("{n:0>64}").parse().unwrap(), Arc::new(NewAsset::plain(1))));
    let server = Server::with(|setup| {
        hasty(setup);
        setup.settings.ping_timeout = Duration::from_secs(3);
        setup.config.templates = assets.collect();
        setup.settings.write_timeout = Duration::from_secs(600);
    })
    .await;
    // Not decoded on the way: the ping lies behind it, and is to be answered in time.
    let take_all = async |client: &mut Client| loop {
        let text = client.text().await;
        let (_, parts) = text.rsplit_once("\"part\":").unwrap();
        let (part, parts) = parts.split_once(",\"parts\":").unwrap();
        if parts.strip_suffix('}') == Some(part) {
            return;
        }
    };
    let mut slow = Socket::open_narrow(server.address, "r/ws").await.welcomed().await;
    let mut silent = server.observe("r").await;
    take_all(&mut silent).await;
    outlast(&server, silent).await;
    take_all(&mut slow).await;
    slow.pinged().await;
    assert_eq!(server.closes("4200").await, 1);
}
