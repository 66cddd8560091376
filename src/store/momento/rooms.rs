//! What happens to a room as a whole.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Cache,
    backend::read,
    client::Sees,
    error,
    error::MomentoError,
    item::{self, Item},
};
use crate::{
    model::{AssetName, RoomName},
    store::{Result, StoreErrorKind},
};

/// Assets that are seen to at once: a room of the default account's 100 requests a second needs no more.
const AT_ONCE: usize = 8;
/// How often one asset is tried that others change all the time.
const TRIES: usize = 16;
/// How long a mark lies in an asset's place: longer than anything that was sent before it may be on its way.
const MARK_TTL: Duration = Duration::from_secs(60);

impl Cache {
    /// Puts a mark in the place of each asset, on the same conditions as every other write: to delete an item beside
    /// conditional writes is not safe. Names that have had none for long are taken out.
    pub(super) async fn mark_removed(&self, room: &RoomName) -> Result<()> {
        let items = self.items(room, Sees::All).await?;
        let (there, gone): (Vec<_>, Vec<_>) = items.into_iter().partition(|(_, seen)| seen.is_some());
        let marked = there.into_iter().map(|(asset, seen)| Ok(self.mark(room, asset, seen)));
        stream::iter(marked).try_for_each_concurrent(AT_ONCE, |marked| marked).await?;
        self.forget(room, gone.into_iter().map(|(asset, _)| asset).collect()).await
    }

    async fn mark(&self, room: &RoomName, asset: AssetName, mut seen: Option<Vec<u8>>) -> Result<()> {
        for _ in 0..TRIES {
            let is_asset = match seen.as_deref() {
                Some(bytes) => matches!(read(room, &asset, bytes)?, Item::Asset(_)),
                None => false,
            };
            if !is_asset {
                return Ok(());
            }
            let (key, ttl) = (item::key(room, &asset), MARK_TTL.min(self.ttl));
            if self.client.set_if(key.clone(), seen, item::mark(), ttl).await.map_err(MomentoError::of_write)? {
                return Ok(());
            }
            seen = self.client.get(key, Sees::All).await.map_err(MomentoError::of_read)?;
        }
        Err(error(StoreErrorKind::Unavailable, format!("asset {asset} is changed by others all the time")))
    }

    /// Takes names out of a room's set, and puts those back that have an asset by now.
    async fn forget(&self, room: &RoomName, names: Vec<AssetName>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let index = item::index_key(room);
        let words = names.iter().map(ToString::to_string).collect();
        self.client.take_out(index.clone(), words).await.map_err(MomentoError::of_write)?;
        let keys: Vec<_> = names.iter().map(|asset| item::key(room, asset)).collect();
        let items = self.client.get_all(&keys, Sees::All).await.map_err(MomentoError::of_read)?;
        let back: Vec<_> = names
            .iter()
            .zip(items)
            .filter(|(_, item)| item.is_some())
            .map(|(asset, _)| asset.to_string())
            .collect();
        if back.is_empty() {
            Ok(())
        } else {
            self.client.add(index, back, self.ttl).await.map_err(MomentoError::of_write)
        }
    }

    /// Gives all that a room has a new time to live, the set of names first, as it must outlive the assets.
    pub(super) async fn keep_alive(&self, room: &RoomName) -> Result<()> {
        if self.kept.has(room) {
            return Ok(());
        }
        let items = self.items(room, Sees::Most).await?;
        let Some((first, _)) = items.first() else { return Ok(()) };
        self.client
            .add(item::index_key(room), vec![first.to_string()], self.ttl)
            .await
            .map_err(MomentoError::of_read)?;
        let touched = items.into_iter().filter_map(|(asset, seen)| Some(self.touch(room, asset, seen?)));
        stream::iter(touched).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.kept.note(room.clone());
        Ok(())
    }

    /// Writes what is there once more. If it is another by now, somebody wrote it just now.
    async fn touch(&self, room: &RoomName, asset: AssetName, seen: Vec<u8>) -> Result<()> {
        if read(room, &asset, &seen)? == Item::Removed {
            return Ok(());
        }
        let touched =
            self.client.set_if(item::key(room, &asset), Some(seen.clone()), seen, self.item_ttl()).await;
        touched.map_err(MomentoError::of_read).map(drop)
    }
}
