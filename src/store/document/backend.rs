use async_trait::async_trait;

use super::Document;
use crate::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName},
    store::{
        AssetKey, Result, StoreError,
        optimistic::{Change, EventBackend, FIRST, Record, RecordStore},
    },
};

/// A document, and what a write needs from its read.
pub(in crate::store) type Loaded<S> = (Option<Document>, <S as DocumentBackend>::Seen);

/// Stores documents and writes each on the condition that it is unchanged. Such a store is a [`RecordStore`].
///
/// # Errors
/// As in [`RecordStore`]: a failed read is `Unavailable`, as is a write that certainly did nothing; any other
/// failed write is `OutcomeUnknown`.
#[async_trait]
pub(in crate::store) trait DocumentBackend: EventBackend {
    /// The data that a write needs from the preceding read, such as the exact bytes that were read.
    type Seen: Send;

    /// Reads a whole document, as one snapshot taken after the call began and as durable as a write. An expired one counts
    /// as absent.
    async fn load(&self, key: &AssetKey) -> Result<Loaded<Self>>;

    /// Writes the result of [`Document::after`] if the stored document is still as `read`. Returns `false`,
    /// without writing anything, if it has changed.
    async fn replace(&self, key: &AssetKey, read: Loaded<Self>, change: Change) -> Result<bool>;

    /// Reads every document of a room, in any order, each with at most its first `holders` holders, and with its events or
    /// without.
    async fn load_all(&self, room: &RoomName, holders: usize) -> Result<Vec<(AssetName, Document)>>;

    /// Writes what is left of a document after events were acknowledged, or deletes it, if it is still as `seen`. Returns
    /// `false`, without writing anything, if it has changed.
    async fn put_back(
        &self,
        key: &AssetKey,
        seen: <Self as DocumentBackend>::Seen,
        left: Option<Document>,
    ) -> Result<bool>;

    /// As in [`Store`](crate::store::Store).
    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let all = self.load_all(room, usize::MAX).await?;
        Ok(all.into_iter().filter_map(|(asset, found)| Some((asset, found.held_by(player)?))).collect())
    }
}

/// Reads a document, also of an asset that is gone.
pub(super) async fn load<S: DocumentBackend>(store: &S, key: &AssetKey) -> Result<Loaded<S>> {
    let (found, seen) = store.load(key).await?;
    let found = found.map(|found| checked::<S>(key, found, usize::MAX)).transpose()?;
    Ok((found, seen))
}

/// Reads every asset of a room, ordered by name.
async fn load_all<S: DocumentBackend>(
    store: &S,
    room: &RoomName,
    holders: usize,
) -> Result<Vec<(AssetName, Document)>> {
    let check = |(asset, found)| {
        let key = AssetKey { room: room.clone(), asset };
        checked::<S>(&key, found, holders).map(|found| (key.asset, found))
    };
    let all = store.load_all(room, holders).await?.into_iter().filter(|(_, found)| !found.gone);
    let mut all = all.map(check).collect::<Result<Vec<_>>>()?;
    all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(all)
}

#[async_trait]
impl<S: DocumentBackend> RecordStore for S {
    type Seen = Loaded<S>;

    async fn read(
        &self,
        key: &AssetKey,
        players: &[PlayerName],
        at: Millis,
    ) -> Result<(Option<Record>, <S as RecordStore>::Seen)> {
        let read = load(self, key).await?;
        let record = asset_in(read.0.as_ref()).map(|found| found.record(players, at));
        Ok((record, read))
    }

    async fn write(&self, key: &AssetKey, seen: <S as RecordStore>::Seen, change: Change) -> Result<bool> {
        self.replace(key, seen, change).await
    }

    async fn asset(&self, key: &AssetKey) -> Result<Option<AssetState>> {
        Ok(asset_in(load(self, key).await?.0.as_ref()).map(|found| found.state(&key.asset)))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let all = load_all(self, room, FIRST).await?;
        Ok(all.iter().map(|(asset, found)| found.state(asset)).collect())
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let all = load_all(self, room, 0).await?;
        Ok(all.iter().map(|(asset, found)| found.counter.row(asset)).collect())
    }

    async fn holders(&self, key: &AssetKey, after: Option<u64>, limit: usize) -> Result<Option<Vec<Grant>>> {
        let found = load(self, key).await?.0.filter(|found| !found.counter.removed);
        Ok(found.map(|found| found.page(after, limit)))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        DocumentBackend::held_by(self, room, player).await
    }
}

/// The document, unless its asset is gone.
fn asset_in(found: Option<&Document>) -> Option<&Document> {
    found.filter(|found| !found.gone)
}

/// Truncates the holders and validates a document.
fn checked<S: DocumentBackend>(key: &AssetKey, mut found: Document, holders: usize) -> Result<Document> {
    found.holders.truncate(holders);
    found.sound(holders).map_err(|why| StoreError::not_ours(S::NAME, key, &why))
}
