use std::time::Duration;

use async_trait::async_trait;

use super::{
    Cache,
    client::Sees,
    error,
    error::MomentoError,
    item::{self, Item},
};
use crate::{
    model::{AssetName, Millis, RoomName, Units},
    store::{
        Result, StoreErrorKind,
        document::{Document, DocumentBackend},
        optimistic::{Backend, Change},
    },
};

/// The time to live of the values that a ping writes.
const PING_LIVES: Duration = Duration::from_secs(10);

#[async_trait]
impl Backend for Cache {
    const NAME: &'static str = "momento";
    /// An item of 100 KB, because every change reads and writes the whole item.
    const MOST_UNITS: Units = 1000;
    const SELECT_CREATES: bool = false;

    fn room_ttl(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.mark_removed(room).await
    }

    async fn touch(&self, room: &RoomName, _now: Millis) -> Result<()> {
        self.keep_alive(room).await
    }

    async fn ping(&self) -> Result<()> {
        let seen = self.client.get(item::ping_key(), Sees::All).await.map_err(MomentoError::of_read)?;
        let stored = self.client.set_if(item::ping_key(), seen, item::ping(), PING_LIVES).await;
        // A write that lost against another node proves that the cache works, too.
        stored.map_err(MomentoError::of_read)?;
        let added = self.client.add(item::ping_set_key(), vec!["~".to_owned()], PING_LIVES).await;
        added.map_err(MomentoError::of_read)
    }
}

#[async_trait]
impl DocumentBackend for Cache {
    /// The exact bytes that were read.
    type Seen = Option<Vec<u8>>;

    async fn load(&self, room: &RoomName, asset: &AssetName) -> Result<(Option<Document>, Self::Seen)> {
        let seen = self.client.get(item::key(room, asset), Sees::All).await.map_err(MomentoError::of_read)?;
        let found = seen.as_deref().map(|bytes| read(room, asset, bytes)).transpose()?;
        Ok((found.and_then(Item::asset), seen))
    }

    async fn replace(
        &self,
        room: &RoomName,
        asset: &AssetName,
        (before, seen): (Option<Document>, Self::Seen),
        change: Change,
    ) -> Result<bool> {
        let is_new = before.is_none();
        self.add_name(room, asset, is_new).await?;
        let value = written(&Document::after(before, change))?;
        let stored = self.client.set_if(item::key(room, asset), seen, value, self.item_ttl()).await;
        let stored = stored.map_err(MomentoError::of_write)?;
        if stored && is_new {
            // Adds the name again, because a concurrent removal of the room may have taken it out before the
            // asset existed.
            drop(self.add_name(room, asset, true).await);
        }
        Ok(stored)
    }

    async fn load_all(&self, room: &RoomName, _holders: usize) -> Result<Vec<(AssetName, Document)>> {
        let mut all = Vec::new();
        for (asset, bytes) in self.items(room, Sees::All).await? {
            let found = bytes.as_deref().map(|bytes| read(room, &asset, bytes)).transpose()?;
            all.extend(found.and_then(Item::asset).map(|document| (asset, document)));
        }
        Ok(all)
    }
}

impl Cache {
    /// Adds an asset's name to its room's set, unless that was done recently. The name is added before the
    /// asset is written, because no reader would find an asset without a name; the reverse does no harm.
    async fn add_name(&self, room: &RoomName, asset: &AssetName, is_new: bool) -> Result<()> {
        let place = (room.clone(), asset.clone());
        if !is_new && self.told.has(&place) {
            return Ok(());
        }
        let added = self.client.add(item::index_key(room), vec![asset.to_string()], self.ttl).await;
        // Reported like a failed read, because the asset is unchanged.
        added.map_err(MomentoError::of_read)?;
        self.told.note(place);
        Ok(())
    }

    /// Reads the items of all names in a room's set.
    pub(super) async fn items(&self, room: &RoomName, sees: Sees) -> Result<Vec<(AssetName, Option<Vec<u8>>)>> {
        let names = self.client.names(item::index_key(room)).await.map_err(MomentoError::of_read)?;
        let names = names.iter().map(|name| asset_name(room, name)).collect::<Result<Vec<_>>>()?;
        let keys: Vec<_> = names.iter().map(|asset| item::key(room, asset)).collect();
        let items = self.client.get_all(&keys, sees).await.map_err(MomentoError::of_read)?;
        Ok(names.into_iter().zip(items).collect())
    }
}

/// Parses an asset's item.
pub(super) fn read(room: &RoomName, asset: &AssetName, bytes: &[u8]) -> Result<Item> {
    Item::read(bytes).map_err(|why| {
        let message = format!("what is stored of asset {asset} of room {room} is not ours: {why}");
        error(StoreErrorKind::Unavailable, message)
    })
}

fn written(document: &Document) -> Result<Vec<u8>> {
    item::written(document)
        .map_err(|why| error(StoreErrorKind::Unavailable, format!("an asset cannot be written: {why}")))
}

fn asset_name(room: &RoomName, name: &[u8]) -> Result<AssetName> {
    let name = String::from_utf8_lossy(name);
    AssetName::parse(&name).map_err(|why| {
        error(
            StoreErrorKind::Unavailable,
            format!("what is stored of the names in room {room} is not ours: {why}"),
        )
    })
}
