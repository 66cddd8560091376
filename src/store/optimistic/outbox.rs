//! Taking and acknowledging events, for stores in which the lease of a room is apart from its events.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::{Backend, pause};
use crate::{
    model::{AssetEvent, AssetName, EventId, RoomName},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind, Taker,
        outbox::{AssetOutbox, RoomLease},
    },
};

/// An asset, and its waiting events.
pub(in crate::store) type Waiting = (AssetName, AssetOutbox);

/// How often a call reads again after a concurrent write before it fails as `Unavailable`.
const TRIES: u32 = 64;

/// Maximum number of assets whose events are deleted at the same time.
const AT_ONCE: usize = 8;

/// A store of events and leases. [`take`] and [`acknowledge`] are made of it.
///
/// # Errors
/// As in [`RecordStore`](super::RecordStore).
#[async_trait]
pub(in crate::store) trait EventBackend: Backend {
    /// Reads the events that wait in a room, at least the first `limit` of them: first those of the assets after `turn` in
    /// the store's order, then those of the others.
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, limit: usize) -> Result<Vec<Waiting>>;

    /// Deletes events of an asset. Returns how many there were.
    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>) -> Result<usize>;

    /// Reads the text of the lease of a room's events.
    async fn lease(&self, room: &RoomName) -> Result<Option<String>>;

    /// Writes the text of a lease if it is still as `seen`, and keeps it for some minutes at least, which is longer than any
    /// call that has read it. Returns `false`, without writing anything, if it has changed.
    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool>;
}

/// Hands out at most `limit` events of a room; `None`: another taker has it.
pub(in crate::store) async fn take<S: EventBackend>(
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

/// Deletes events of a room, and ends its lease if all that were handed out are deleted.
pub(in crate::store) async fn acknowledge<S: EventBackend>(
    store: &S,
    room: &RoomName,
    events: &[EventId],
) -> Result<()> {
    let mut by_asset = BTreeMap::<&AssetName, Vec<&EventId>>::new();
    for id in events {
        by_asset.entry(&id.asset).or_default().push(id);
    }
    let delete = |(asset, ids)| store.delete(AssetKey::new(room, asset), ids);
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
