//! A room that an operator removes, on all nodes that have it.

use std::time::Duration;

use asset_arbiter::{arbiter::Config, model::ErrorCode};
use tokio::time::sleep;

use super::{
    net::Net,
    world::{Answer, arena, grant, name, sword},
};

/// Long enough for what was said on a bus without faults.
const A_MOMENT: Duration = Duration::from_millis(5);

#[tokio::test(start_paused = true)]
async fn a_removed_room_is_gone_on_every_node_and_begins_anew() {
    let net = Net::new(7);
    let (here, there) = (net.start(Config::default()), net.start(Config::default()));
    here.arbiter.create(&arena(), &sword(), 2).await.unwrap();
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
