//! Messages that are none: each gets its error, and the connection goes on.

use asset_arbiter::model::{ErrorCode, ServerMessage};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, Server, frame, text};

/// What the next reply says, with the request it answers.
async fn complaint(client: &mut Client) -> (String, Option<String>) {
    match client.reply().await {
        ServerMessage::Error { code, message, request_id, temporary: false } => {
            assert!(!message.is_empty());
            (code.as_str().to_owned(), request_id.map(|id| id.as_json().to_owned()))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_bad_message_gets_its_error_and_the_connection_goes_on() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bystander) = (server.join("r", "ann").await, server.join("r", "bystander").await);
    let long = "a".repeat(65);
    let nested = format!(r#"{{"type":"sync","request_id":{}1{}}}"#, "[".repeat(1500), "]".repeat(1500));
    let bad = [
        ("", "bad_message"),
        ("hello", "bad_message"),
        ("null", "bad_message"),
        ("[]", "bad_message"),
        ("{", "bad_message"),
        ("{}", "bad_message"),
        ("\u{0}", "bad_message"),
        (&nested, "bad_message"),
        (r#"{"type":7}"#, "bad_message"),
        (r#"{"type":"select_asset"}"#, "bad_message"),
        (r#"{"type":"select_asset","asset":7}"#, "bad_message"),
        (r#"{"type":"select_asset","asset":["sword"]}"#, "bad_message"),
        (r#"{"type":"select_asset","asset":"sword","request_id":{}}"#, "bad_message"),
        (&format!(r#"{{"type":"sync","request_id":"{long}"}}"#), "bad_message"),
        (r#"{"type":"select_asset","asset":"sword"} {}"#, "bad_message"),
        (r#"{"type":"welcome"}"#, "unknown_type"),
        (r#"{"type":"SELECT_ASSET","asset":"sword"}"#, "unknown_type"),
        (r#"{"type":"select_asset","asset":""}"#, "invalid_name"),
        (r#"{"type":"select_asset","asset":"a b"}"#, "invalid_name"),
        (r#"{"type":"select_asset","asset":"../sword"}"#, "invalid_name"),
        (r#"{"type":"select_asset","asset":"sw\u0000rd"}"#, "invalid_name"),
        (&format!(r#"{{"type":"release_asset","asset":"{long}"}}"#), "invalid_name"),
        (r#"{"type":"select_asset","asset":"axe"}"#, "unknown_asset"),
        (r#"{"type":"release_asset","asset":"axe"}"#, "unknown_asset"),
        (r#"{"type":"release_asset","asset":"sword"}"#, "not_held"),
    ];
    for (message, code) in bad {
        ann.say(message).await;
        assert_eq!(complaint(&mut ann).await, (code.to_owned(), None), "{message}");
    }
    ann.send(Message::binary(&b"\x00\x01"[..])).await;
    assert_eq!(complaint(&mut ann).await.0, "bad_message");
    assert!(ann.gets("sword").await, "it goes on");
    let told = bystander.hear().await;
    assert!(matches!(told, ServerMessage::AssetGranted { revision: 1, .. }), "nobody heard of it: {told:?}");
}

#[tokio::test]
async fn an_error_names_the_request_it_answers() {
    let server = Server::start().await;
    let mut ann = server.join("r", "ann").await;
    for (message, id) in [
        (r#"{"type":"fly","request_id":"a-1"}"#, "\"a-1\""),
        (r#"{"type":"select_asset","request_id":17}"#, "17"),
        (r#"{"type":"select_asset","asset":"no","request_id":-3}"#, "-3"),
        (r#"{"request_id":"x","asset":"..","type":"release_asset"}"#, "\"x\""),
    ] {
        ann.say(message).await;
        assert_eq!(complaint(&mut ann).await.1.as_deref(), Some(id), "{message}");
    }
}

#[tokio::test]
async fn a_message_in_fragments_is_one_message() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut ann = server.join("r", "ann").await;
    let message = br#"{"type":"select_asset","asset":"sword","request_id":5}"#;
    ann.raw(&frame(0x01, &message[..9])).await;
    ann.raw(&frame(0x00, b"")).await;
    ann.raw(&frame(0x89, b"a ping in between")).await;
    ann.raw(&frame(0x80, &message[9..])).await;
    let reply = ann.reply().await;
    assert!(matches!(reply, ServerMessage::Selection { granted: true, .. }), "{reply:?}");
    for byte in text(r#"{"type":"ping"}"#) {
        ann.raw(&[byte]).await;
    }
    assert!(matches!(ann.reply().await, ServerMessage::Pong { .. }), "byte by byte, too");
}

#[tokio::test]
async fn a_flood_of_pings_and_syncs_is_answered_and_harms_nobody() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    let flood = [text(r#"{"type":"sync"}"#), text(r#"{"type":"ping"}"#), frame(0x89, b"p"), frame(0x8a, b"")];
    ann.raw(&flood.concat().repeat(2000)).await;
    let (mut pongs, mut snapshots, mut refused) = (0, 0, 0);
    while pongs < 2000 || snapshots == 0 {
        match ann.hear().await {
            ServerMessage::Pong { .. } => pongs += 1,
            ServerMessage::Snapshot { .. } => snapshots += 1,
            ServerMessage::Error { code: ErrorCode::RateLimited, .. } => refused += 1,
            ServerMessage::PlayerJoined { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(snapshots <= 60 && refused >= 1900, "{snapshots} snapshots, {refused} refused");
    assert!(bob.gets("sword").await);
}
