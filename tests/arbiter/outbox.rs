//! Events are handed out also if the store fails in the middle.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus,
    model::{AssetEvent, AssetName, NewAsset, RoomName},
    server::Metrics,
    store::{MemoryStore, Result, Store, StoreError, StoreErrorKind, Taker, layer::Layer},
};
use async_trait::async_trait;

use super::world::{name, sword};

/// A store in which the events of one room cannot be read.
struct WithoutRoom(Arc<dyn Store>, RoomName);

#[async_trait]
impl Layer for WithoutRoom {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        if *room == self.1 {
            return Err(StoreError::new("test", StoreErrorKind::Unavailable, "the room is away"));
        }
        self.0.take_events(room, taker, limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_before_a_room_fails_is_handed_out() {
    let inner = Arc::new(MemoryStore::new(None).with_events(Some(100)));
    let store = Arc::new(WithoutRoom(inner, name("b")));
    let arbiter =
        Metrics::new().scope(|| Arbiter::start(Config::default(), store, bus::open("local:").unwrap(), 1));
    for room in ["a", "b"] {
        arbiter.create(&name(room), &sword(), NewAsset::plain(1)).await.expect("created");
    }
    let events = arbiter.outbox().take(10, Duration::ZERO).await.expect("some");
    assert_eq!(events.iter().map(|event| event.room.as_str()).collect::<Vec<_>>(), ["a"]);
    let ids = events.iter().map(|event| event.id.parse().unwrap()).collect();
    arbiter.outbox().acknowledge(ids).await.expect("acknowledged");
    assert!(arbiter.outbox().take(10, Duration::ZERO).await.is_err(), "nothing was taken, and the store fails");
}
