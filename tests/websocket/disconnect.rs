//! A client that goes away in the middle.

use asset_arbiter::model::ServerMessage;

use crate::support::{Server, eventually};

#[tokio::test]
async fn a_connection_dropped_in_mid_select_cancels_nothing_that_was_sent() {
    let server = Server::start().await;
    server.create("r", "sword", 1).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    server.store.hold();
    ann.select("sword", 1).await;
    server.has_selected(1).await;
    drop(ann);
    bob.hear_until(|m| matches!(m, ServerMessage::PlayerLeft { .. }).then_some(())).await;
    server.store.resume();
    let told = bob.hear().await;
    let ServerMessage::AssetGranted { player, revision: 1, .. } = told else { panic!("{told:?}") };
    assert_eq!(player.as_str(), "ann");
    assert!(!bob.gets("sword").await);

    let mut back = server.join("r", "ann").await;
    assert_eq!(back.welcome.held.as_ref().unwrap()[0].as_str(), "sword");
    let again = back.selects("sword").await;
    assert!(matches!(again, ServerMessage::Selection { already_held: true, revision: 1, .. }), "{again:?}");
}

#[tokio::test]
async fn what_was_not_sent_when_its_connection_dropped_is_not_sent() {
    let server = Server::start().await;
    server.create("r", "sword", 9).await;
    let (mut ann, mut bob) = (server.join("r", "ann").await, server.join("r", "bob").await);
    server.store.hold();
    ann.select("sword", 1).await;
    server.has_selected(1).await;
    bob.select("sword", 1).await;
    bob.pinged().await;
    drop(bob);
    ann.hear_until(|m| matches!(m, ServerMessage::PlayerLeft { .. }).then_some(())).await;
    server.store.resume();
    eventually(1, || server.selects("dropped")).await;
    assert_eq!((server.store.calls().select, server.asset("r", "sword").await.held), (1, 1));
}
