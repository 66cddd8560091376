//! A room that an operator removes, on all nodes that have it.

use std::time::Duration;

use asset_arbiter::{
    arbiter::Config,
    model::{AssetState, ErrorCode, ServerMessage},
};
use tokio::time::sleep;

use super::{
    net::{BusFaults, Net, Node},
    world::{Answer, arena, grant, name, sword},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

async fn two_nodes_with_a_sword() -> (Net, Node, Node) {
    let net = Net::new(7);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    here.arbiter.create(&arena(), &sword(), 2).await.unwrap();
    (net, here, there)
}

fn snapshot(message: &ServerMessage) -> Option<Vec<AssetState>> {
    match message {
        ServerMessage::Snapshot { assets, .. } => Some(assets.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_room_is_gone_on_every_node_and_begins_anew() {
    let (_net, here, there) = two_nodes_with_a_sword().await;
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    assert_eq!(ann.select().await, Answer::Granted { revision: 1, remaining: 1 });
    assert_eq!(bob.find(grant).await, (name("ann"), 1));
    here.arbiter.remove_room(&arena()).await.unwrap();
    sleep(A_MOMENT).await;
    for client in [&ann, &bob] {
        assert!(client.member.is_dismissed());
    }
    drop((ann, bob));
    // What each node knew is gone with it: nothing is left to be mistaken for what comes now.
    let (mut ann, mut bob) = (here.join("ann").await, there.join("bob").await);
    for client in [&mut ann, &mut bob] {
        let welcome = client.welcome();
        assert_eq!((welcome.assets.unwrap(), welcome.held.unwrap()), (Vec::new(), Vec::new()));
    }
    assert_eq!(ann.select().await, Answer::Error(ErrorCode::UnknownAsset));
    there.arbiter.create(&arena(), &sword(), 1).await.unwrap();
    assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 0 });
    assert_eq!(ann.find(grant).await, (name("bob"), 1));
    assert_eq!(ann.select().await, Answer::SoldOut);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_did_not_hear_of_a_removal_finds_it_with_the_next_resync() {
    let (net, here, there) = two_nodes_with_a_sword().await;
    let mut bob = there.join("bob").await;
    assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 1 });
    net.set_faults(BusFaults { loss: 1.0, ..BusFaults::default() });
    here.arbiter.remove_room(&arena()).await.unwrap();
    net.set_faults(BusFaults::default());
    assert_eq!(bob.find(snapshot).await, []);
    assert!(!bob.member.is_dismissed(), "it looks like a store that lost what it had");
    here.arbiter.create(&arena(), &sword(), 1).await.unwrap();
    assert_eq!(bob.select().await, Answer::Granted { revision: 1, remaining: 0 });
}
