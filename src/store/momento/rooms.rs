//! Operations on whole rooms.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Cache,
    backend::{read, value},
    client::Sees,
    error,
    error::MomentoError,
    item::{self, Item},
};
use crate::{
    model::RoomName,
    store::{AssetKey, Result, StoreErrorKind, document::Document},
};

/// Maximum number of assets handled at once. With the default account's 100 requests a second, a room needs no
/// more.
const AT_ONCE: usize = 8;
/// How often a write to one asset is tried under contention.
const TRIES: usize = 16;
/// The time to live of a tombstone: longer than any earlier request may be in flight.
const MARK_TTL: Duration = Duration::from_secs(60);

impl Cache {
    /// Replaces each asset with its waiting events or a tombstone, conditionally like every other write, because deleting an
    /// item is not safe beside conditional writes. Names without an item are removed from the set.
    pub(super) async fn mark_removed(&self, room: &RoomName) -> Result<()> {
        let items = self.items(room, Sees::All).await?;
        let (there, gone): (Vec<_>, Vec<_>) = items.into_iter().partition(|(_, seen)| seen.is_some());
        let marked = there.into_iter().map(|(key, seen)| Ok(self.mark(key, seen)));
        stream::iter(marked).try_for_each_concurrent(AT_ONCE, |marked| marked).await?;
        self.forget(room, gone.into_iter().map(|(key, _)| key).collect()).await
    }

    async fn mark(&self, key: AssetKey, mut seen: Option<Vec<u8>>) -> Result<()> {
        for _ in 0..TRIES {
            let found = seen.as_deref().map(|bytes| read(&key, bytes)).transpose()?;
            let Some(asset) = found.and_then(Item::asset).filter(|document| !document.gone) else {
                return Ok(());
            };
            if self.set_left(&key, seen, asset.without_asset()).await? {
                return Ok(());
            }
            seen = self.client.get(item::key(&key), Sees::All).await.map_err(MomentoError::of_read)?;
        }
        Err(error(
            StoreErrorKind::Unavailable,
            format!("asset {} is changed by others all the time", key.asset),
        ))
    }

    /// Sets the item of an asset to what is left of it, or to a tombstone, if it is unchanged.
    pub(super) async fn set_left(
        &self,
        key: &AssetKey,
        seen: Option<Vec<u8>>,
        left: Option<Document>,
    ) -> Result<bool> {
        let (value, ttl) = match left {
            Some(left) => (value(&left)?, self.item_ttl()),
            None => (item::mark(), MARK_TTL.min(self.ttl)),
        };
        self.client.set_if(item::key(key), seen, value, ttl).await.map_err(MomentoError::of_write)
    }

    /// Removes names from a room's set, and restores those that have an asset by now.
    async fn forget(&self, room: &RoomName, keys: Vec<AssetKey>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let index = item::index_key(room);
        let names = keys.iter().map(|key| key.asset.to_string()).collect();
        self.client.take_out(index.clone(), names).await.map_err(MomentoError::of_write)?;
        let items: Vec<_> = keys.iter().map(item::key).collect();
        let items = self.client.get_all(&items, Sees::All).await.map_err(MomentoError::of_read)?;
        let there = keys.iter().zip(items).filter(|(_, item)| item.is_some());
        let back: Vec<_> = there.map(|(key, _)| key.asset.to_string()).collect();
        if back.is_empty() {
            Ok(())
        } else {
            self.client.add(index, back, self.ttl).await.map_err(MomentoError::of_write)
        }
    }

    /// Restarts the time to live of everything in a room: first the set of names, because it must outlive the
    /// assets.
    pub(super) async fn keep_alive(&self, room: &RoomName) -> Result<()> {
        if self.kept.has(room) {
            return Ok(());
        }
        let items = self.items(room, Sees::Most).await?;
        let Some((first, _)) = items.first() else { return Ok(()) };
        self.client
            .add(item::index_key(room), vec![first.asset.to_string()], self.ttl)
            .await
            .map_err(MomentoError::of_read)?;
        let touched = items.into_iter().filter_map(|(key, seen)| Some(self.touch(key, seen?)));
        stream::iter(touched).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.kept.note(room.clone());
        Ok(())
    }

    /// Writes an item again unchanged. If it has changed meanwhile, that write has restarted its time to live.
    async fn touch(&self, key: AssetKey, seen: Vec<u8>) -> Result<()> {
        if read(&key, &seen)? == Item::Removed {
            return Ok(());
        }
        let touched = self.client.set_if(item::key(&key), Some(seen.clone()), seen, self.item_ttl()).await;
        touched.map_err(MomentoError::of_read).map(drop)
    }
}
