//! The waiting events of assets, which are in their documents.

use tokio::time::sleep;

use super::{DocumentBackend, backend::load};
#[cfg(any(test, feature = "mongodb"))]
use crate::model::AssetEvent;
#[cfg(any(test, feature = "momento"))]
use crate::{model::AssetName, store::optimistic::Waiting};
use crate::{
    model::{EventId, Millis},
    store::{
        AssetKey, Result,
        optimistic::{known, pause, restless},
    },
};

/// How often a call reads again after a concurrent write before it fails as `Unavailable`.
const TRIES: u32 = 64;

/// Moves events of an asset to its history. Returns how many there were.
pub(in crate::store) async fn delete_events<S: DocumentBackend>(
    store: &S,
    key: &AssetKey,
    ids: &[&EventId],
    now: Millis,
) -> Result<usize> {
    let mut deleted = None;
    for tried in 1..=TRIES {
        let (Some(mut document), seen) = load(store, key).await? else { return Ok(deleted.unwrap_or(0)) };
        let found: Vec<_> = ids.iter().filter_map(|id| document.events.remove(id)).collect();
        if deleted.is_none() && !found.is_empty() {
            store.add_history(key, &found, now).await?;
        }
        // What was found at first is deleted when it is not found any more, whichever write did it.
        let deleted = *deleted.get_or_insert(found.len());
        let is_over = document.gone && document.events.is_empty();
        if found.is_empty() || known(store.put_back(key, seen, (!is_over).then_some(document)).await)? {
            return Ok(deleted);
        }
        sleep(pause(tried)).await;
    }
    Err(restless::<S>(&key.room))
}

/// The events of an asset that wait.
#[cfg(any(test, feature = "mongodb"))]
pub(in crate::store) async fn waiting_of<S: DocumentBackend>(
    store: &S,
    key: &AssetKey,
) -> Result<Vec<AssetEvent>> {
    let (found, _) = load(store, key).await?;
    Ok(found.map(|found| found.events.iter().cloned().collect()).unwrap_or_default())
}

/// Sorts the events of a room as [`EventBackend::waiting`](crate::store::optimistic::EventBackend::waiting) returns them, and
/// leaves out assets without any.
#[cfg(any(test, feature = "momento"))]
pub(in crate::store) fn in_turn(mut waiting: Vec<Waiting>, turn: Option<&AssetName>) -> Vec<Waiting> {
    waiting.retain(|(_, events)| !events.is_empty());
    waiting.sort_unstable_by(|(a, _), (b, _)| {
        let has_had_its_turn = |asset| turn.is_some_and(|turn| asset <= turn);
        (has_had_its_turn(a), a).cmp(&(has_had_its_turn(b), b))
    });
    waiting
}
