//! An item as the version before deadlines wrote it.

use crate::{
    conformance::ground::{Ground, Node, asset, player},
    ground::{item, momento},
    remote::{earlier::plays_on, outbox::goes_on_with_events, store},
};

const SWORD: &[u8] = br#"{"counter":{"units":3,"remaining":2,"held":1,"revision":1,"origin":-77,"creation":0,"created_units":3,"removed":false},"holders":[{"p":"ann","t":1700000000000,"r":1}],"changes":"aa:1"}"#;

#[tokio::test]
async fn an_item_of_the_version_before_is_played_on() {
    let Some(momento) = momento().await else { return };
    let ground = Ground::new(store(&momento.url()).await);
    // So that the room knows the name.
    ground.create(Node::new().next(), &asset("sword"), 1).await;
    momento.spoil(&item(&ground, "sword"), SWORD);
    plays_on(&momento.url(), ground.room.clone(), 3, &[player("ann")]).await;
    goes_on_with_events(&momento.url(), ground.room).await;
}
