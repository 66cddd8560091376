//! What a member of a room hears and may do.

use asset_arbiter::model::{ErrorCode, NewAsset, ServerMessage};
use std::sync::Arc;

use crate::support::{RoomView, Server};

fn error(message: ServerMessage) -> ErrorCode {
    match message {
        ServerMessage::Error { code, .. } => code,
        other => panic!("not an error: {other:?}"),
    }
}

#[tokio::test]
async fn rooms_do_not_leak() {
    let server = Server::start().await;
    server.create("red", "sword", 1).await;
    server.create("blue", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("red", "ann").await, server.join("blue", "bob").await);
    assert!(ann.gets("sword").await);
    assert!(bob.gets("sword").await, "the same name in another room is another asset");
    ann.leave().await;
    let mut view = RoomView::new(&bob.welcome);
    bob.say(r#"{"type":"ping"}"#).await;
    let heard = bob
        .hear_until(|message| {
            view.follow(message);
            matches!(message, ServerMessage::Pong { .. }).then(|| view.offset)
        })
        .await;
    assert_eq!(
        (heard - bob.welcome.offset, view.grants),
        (1, 1),
        "bob heard of its own grant and nothing else"
    );
    assert_ne!(server.join("red", "eve").await.welcome.epoch, bob.welcome.epoch);
}

#[tokio::test]
async fn an_observer_hears_everything_and_selects_nothing() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let mut observer = server.observe("r").await;
    assert_eq!((observer.welcome.player.clone(), observer.welcome.players), (None, 0));
    assert_eq!(error(observer.selects("sword").await), ErrorCode::Forbidden);
    observer.release("sword", 1).await;
    assert_eq!(error(observer.reply().await), ErrorCode::Forbidden);

    let mut ann = server.join("r", "ann").await;
    assert_eq!(ann.welcome.players, 1, "an observer is no player");
    assert!(ann.gets("sword").await);
    ann.release("sword", 1).await;
    ann.reply().await;
    ann.leave().await;
    let kind =
        |message: &ServerMessage| serde_json::to_value(message).unwrap()["type"].as_str().unwrap().to_owned();
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(kind(&observer.hear().await));
    }
    assert_eq!(heard, ["player_joined", "asset_granted", "asset_released", "player_left"]);
}

#[tokio::test]
async fn a_select_is_repeated_without_harm_and_a_release_gives_the_unit_to_the_next() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    let first = ann.selects("sword").await;
    let ServerMessage::Selection { granted: true, already_held: false, revision: 1, remaining: 0, .. } = first
    else {
        panic!("{first:?}")
    };
    let again = ann.selects("sword").await;
    let ServerMessage::Selection { granted: true, already_held: true, revision: 1, remaining: 0, .. } = again
    else {
        panic!("{again:?}")
    };
    assert!(!bob.gets("sword").await);
    bob.release("sword", 1).await;
    assert_eq!(error(bob.reply().await), ErrorCode::NotHeld);

    ann.release("sword", 2).await;
    let released = ann.reply().await;
    let ServerMessage::Release { released: true, remaining: 1, revision: 2, .. } = released else {
        panic!("{released:?}")
    };
    ann.release("sword", 3).await;
    assert_eq!(error(ann.reply().await), ErrorCode::NotHeld);
    bob.hear_until(|m| matches!(m, ServerMessage::AssetReleased { revision: 2, .. }).then_some(())).await;
    assert!(bob.gets("sword").await);
    assert_eq!(server.asset("r", "sword").await.revision, 3, "one step for each change, none for the repeats");
}

#[tokio::test]
async fn a_template_is_shown_at_once_and_created_by_its_first_select() {
    let server = Server::with(|setup| {
        setup.config.templates = vec![("bow".parse().unwrap(), Arc::new(NewAsset::plain(2)))]
    })
    .await;
    let mut ann = server.join("r", "ann").await;
    let shown = ann.welcome.assets.clone().unwrap();
    assert_eq!((shown.len(), shown[0].units, shown[0].remaining, shown[0].revision), (1, 2, 2, 0));
    assert_eq!(server.store.calls().create, 0, "a join writes nothing");
    assert!(ann.gets("bow").await);
    let told = ann.hear().await;
    let ServerMessage::AssetGranted { units: 2, remaining: 1, revision: 1, .. } = told else {
        panic!("{told:?}")
    };
    assert_eq!(error(ann.selects("axe").await), ErrorCode::UnknownAsset);
}

#[tokio::test]
async fn with_auto_create_an_unknown_asset_comes_to_be_by_its_first_select() {
    let server = Server::with(|setup| {
        setup.config.auto_create = Some(1);
        setup.config.max_assets = 2;
    })
    .await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    assert!(ann.gets("new").await);
    let told = bob.hear_until(|m| matches!(m, ServerMessage::AssetGranted { .. }).then(|| m.clone())).await;
    let ServerMessage::AssetGranted { units: 1, remaining: 0, revision: 1, .. } = told else {
        panic!("{told:?}")
    };
    assert!(!bob.gets("new").await);
    assert!(bob.gets("newer").await);
    assert_eq!(error(bob.selects("newest").await), ErrorCode::LimitReached);
    assert!(!ann.gets("newer").await, "what exists is not concerned");
}

#[tokio::test]
async fn a_sync_answers_with_the_whole_room() {
    let server = Server::start().await;
    server.create("r", "sword", 2).await;
    let mut ann = server.join("r", "ann").await;
    assert!(ann.gets("sword").await);
    ann.say(r#"{"type":"sync"}"#).await;
    let snapshot = ann.hear_until(|m| matches!(m, ServerMessage::Snapshot { .. }).then(|| m.clone())).await;
    let ServerMessage::Snapshot { players, present, assets, held, part: 1, parts: 1, .. } = snapshot else {
        panic!("{snapshot:?}")
    };
    assert_eq!((players, present[0].as_str(), held[0].as_str()), (1, "ann", "sword"));
    assert_eq!((assets[0].remaining, assets[0].held, assets[0].holders[0].player.as_str()), (1, 1, "ann"));
}
