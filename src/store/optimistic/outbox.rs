//! Taking and acknowledging events, for stores in which the lease of a room is apart from its events.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::{Backend, EventStore, pause};
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{
        AssetKey, HistoryPage, Result, StoreError, StoreErrorKind, Taker,
        outbox::{AssetOutbox, RoomLease},
    },
};

/// An asset, and its waiting events.
pub(in crate::store) type Waiting = (AssetName, AssetOutbox);

/// How often a call reads again after a concurrent write before it fails as `Unavailable`.
const TRIES: u32 = 64;

/// Maximum number of assets whose events are deleted at the same time.
const AT_ONCE: usize = 8;

/// A store of events and leases. Such a store is an [`EventStore`].
///
/// # Errors
/// As in [`RecordStore`](super::RecordStore).
#[async_trait]
pub(in crate::store) trait EventBackend: Backend {
    /// Reads the events that wait in a room, at least the first `limit` of them: first those of the assets after `turn` in
    /// the store's order, then those of the others.
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, limit: usize) -> Result<Vec<Waiting>>;

    /// Adds events of an asset to its history at `now` by [`add_history`](Self::add_history), and then deletes them. Returns how
    /// many there were.
    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>, now: Millis) -> Result<usize>;

    /// Adds events of an asset to its history, if the store keeps one. An event that it has stays there once.
    async fn add_history(&self, _key: &AssetKey, _events: &[AssetEvent], _now: Millis) -> Result<()> {
        Ok(())
    }

    /// Reads the events of an asset that wait, if the store keeps a history.
    async fn waiting_of(&self, _key: &AssetKey) -> Result<Vec<AssetEvent>> {
        Ok(Vec::new())
    }

    /// Reads the events of a page of the history of an asset that were acknowledged.
    async fn acknowledged(&self, _key: &AssetKey, _page: HistoryPage) -> Result<Vec<AssetEvent>> {
        Ok(Vec::new())
    }

    /// Deletes the old mark of a room in which nothing waits at `now`, if the store has marks.
    async fn forget_mark(&self, _room: &RoomName, _now: Millis) -> Result<()> {
        Ok(())
    }

    /// Reads the text of the lease of a room's events.
    async fn lease(&self, room: &RoomName) -> Result<Option<String>>;

    /// Writes the text of a lease if it is still as `seen`, and keeps it for some minutes at least, which is longer than any
    /// call that has read it. Returns `false`, without writing anything, if it has changed.
    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool>;
}

#[async_trait]
impl<S: EventBackend> EventStore for S {
    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        let Some(events) = take(self, room, taker, limit).await? else { return Ok(Vec::new()) };
        if events.is_empty() {
            self.forget_mark(room, taker.now).await?;
        }
        Ok(events)
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        acknowledge(self, room, events, now).await
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let Some(limits) = self.history_limits() else { return Ok(Vec::new()) };
        // Read first, because an event that leaves it is in the history then.
        let waiting = self.waiting_of(key).await?;
        Ok(page.of(self.acknowledged(key, page).await?, waiting, limits))
    }
}

/// Hands out at most `limit` events of a room; `None`: another taker has it.
async fn take<S: EventBackend>(
    store: &S,
    room: &RoomName,
    taker: Taker,
    limit: usize,
) -> Result<Option<Vec<(AssetName, AssetEvent)>>> {
    for tried in 1..=TRIES {
        let (lease, seen) = lease(store, room).await?;
        if !lease.is_free_for(taker) {
            return Ok(None);
        }
        // They are read after the lease, so that no event is among them that was acknowledged under a later lease.
        let waiting = store.waiting(room, lease.turn_of(taker), limit).await?;
        let events = waiting.iter().flat_map(|(asset, outbox)| outbox.iter().map(move |event| (asset, event)));
        let events: Vec<_> = events.take(limit).map(|(asset, event)| (asset.clone(), event.clone())).collect();
        if events.is_empty() {
            return Ok(Some(events));
        }
        let leased = lease.after_take(taker, &events);
        // If it took effect without an answer, the taker finds its own lease next.
        if known(store.set_lease(room, seen, leased.to_string()).await)? {
            return Ok(Some(events));
        }
        sleep(pause(tried)).await;
    }
    Err(restless::<S>(room))
}

/// Moves events of a room to their histories, and ends its lease if all that were handed out are deleted.
async fn acknowledge<S: EventBackend>(
    store: &S,
    room: &RoomName,
    events: &[EventId],
    now: Millis,
) -> Result<()> {
    let mut by_asset = BTreeMap::<&AssetName, Vec<&EventId>>::new();
    for id in events {
        by_asset.entry(&id.asset).or_default().push(id);
    }
    let delete = |(asset, ids)| store.delete(AssetKey::new(room, asset), ids, now);
    let deletions: Vec<_> = by_asset.into_iter().map(delete).collect();
    let deleted: Vec<usize> = stream::iter(deletions).buffer_unordered(AT_ONCE).try_collect().await?;
    let deleted = deleted.iter().sum();
    if deleted == 0 {
        return Ok(());
    }
    let mut written = None;
    for tried in 1..=TRIES {
        let (lease, seen) = lease(store, room).await?;
        if seen == written || seen.is_none() {
            return Ok(());
        }
        let text = lease.after_deletion(deleted).to_string();
        written = Some(text.clone());
        if known(store.set_lease(room, seen, text).await)? {
            return Ok(());
        }
        sleep(pause(tried)).await;
    }
    Err(restless::<S>(room))
}

async fn lease<S: EventBackend>(store: &S, room: &RoomName) -> Result<(RoomLease, Option<String>)> {
    let seen = store.lease(room).await?;
    // What others wrote is no lease, and is written over.
    let lease = seen.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok((lease, seen))
}

/// Whether a conditional write took effect; `false` if that is unknown, so that it is read again.
pub(in crate::store) fn known(written: Result<bool>) -> Result<bool> {
    match written {
        Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => Ok(false),
        written => written,
    }
}

/// The error of a call that others interfered with all the time.
pub(in crate::store) fn restless<S: Backend>(room: &RoomName) -> StoreError {
    let message = format!("the events of room {room} are changed by others all the time");
    StoreError::new(S::NAME, StoreErrorKind::Unavailable, message)
}
