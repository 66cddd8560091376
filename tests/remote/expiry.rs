//! Rooms that nobody uses go, whole.

use std::{sync::Arc, time::Duration};

use asset_arbiter::store::{Options, Store, open};

use crate::{
    conformance::ground::{Ground, Node, asset, players},
    engines::eventually,
};

/// An unused room goes, and one that is touched stays. Gives the two rooms.
pub async fn an_unused_room_goes_whole_and_a_touched_one_stays(store: &Arc<dyn Store>) -> [Ground; 2] {
    let [unused, kept] = [(); 2].map(|()| Ground::new(Arc::clone(store)));
    let (node, sword, both) = (Node::new(), asset("sword"), players(["ann", "bob"]));
    for ground in [&unused, &kept] {
        ground.create(node.next(), &sword, 1).await;
        ground.select(node.next(), &sword, &both).await;
    }
    let gone = async || {
        kept.store.touch(&kept.room, node.next().at).await.unwrap();
        // Counter and holders are held against each other: never is a part of it gone.
        unused.snapshot().await.is_empty().then_some(())
    };
    eventually("the unused room to go", gone).await;
    assert_eq!(kept.holders(&sword).await.len(), 1, "the other is used");
    [unused, kept]
}

/// How long rooms live, by options in the URL and with a flag that says 1000 seconds.
pub const TTLS: [(&str, Option<u64>); 3] = [("ttl=100s", Some(100)), ("ttl=0", None), ("", Some(1000))];
pub const FLAG: Options = Options {
    room_ttl: Some(Duration::from_secs(1000)),
    max_assets: None,
    events_backlog: None,
    history: None,
};

pub fn the_url_goes_before_the_flag(url: &str) {
    for (option, ttl) in TTLS {
        let store = open(&format!("{url}?{option}"), FLAG).unwrap();
        assert_eq!(store.room_ttl(), ttl.map(Duration::from_secs), "{option}");
    }
}
