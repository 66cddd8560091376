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
    model::{AssetEvent, AssetName, EventId, Millis, Revocation, RoomName, Units},
    store::{
        AssetKey, Result, StoreError, StoreErrorKind, Taker,
        document::{Document, DocumentBackend, Loaded},
        optimistic::{Backend, Change},
    },
};

/// The time to live of the values that a ping writes.
const PING_LIVES: Duration = Duration::from_secs(10);

#[async_trait]
impl Backend for Cache {
    const NAME: &'static str = "momento";
    /// An item of 180 KB at most, 430 KB with deadlines, because every change reads and writes the whole item.
    const MOST_UNITS: Units = 1000;
    const SELECT_CREATES: bool = false;

    fn room_ttl(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    fn longest_deadline(&self) -> Millis {
        self.item_ttl().as_millis() as Millis
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.mark_removed(room).await
    }

    async fn touch(&self, room: &RoomName, _now: Millis) -> Result<()> {
        self.keep_alive(room).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        self.add_revocation(revocation, now).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        self.live_revocations(now).await
    }

    async fn waiting_rooms(&self, _after: Option<RoomName>, _limit: usize) -> Result<Vec<RoomName>> {
        Ok(Vec::new())
    }

    async fn take_events(
        &self,
        _room: &RoomName,
        _taker: Taker,
        _limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _room: &RoomName, _events: &[EventId]) -> Result<()> {
        Ok(())
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

    async fn load(&self, key: &AssetKey) -> Result<Loaded<Self>> {
        let seen = self.client.get(item::key(key), Sees::All).await.map_err(MomentoError::of_read)?;
        let found = seen.as_deref().map(|bytes| read(key, bytes)).transpose()?;
        Ok((found.and_then(Item::asset), seen))
    }

    async fn replace(&self, key: &AssetKey, (before, seen): Loaded<Self>, change: Change) -> Result<bool> {
        let is_new = before.is_none();
        self.add_name(key, is_new).await?;
        let unwritable = |why| error(StoreErrorKind::Unavailable, format!("an asset cannot be written: {why}"));
        let value = serde_json::to_vec(&Document::after(before, change)).map_err(unwritable)?;
        let stored = self.client.set_if(item::key(key), seen, value, self.item_ttl()).await;
        let stored = stored.map_err(MomentoError::of_write)?;
        if stored && is_new {
            // Adds the name again, because a concurrent removal of the room may have taken it out before the
            // asset existed.
            drop(self.add_name(key, true).await);
        }
        Ok(stored)
    }

    async fn load_all(&self, room: &RoomName, _holders: usize) -> Result<Vec<(AssetName, Document)>> {
        let mut all = Vec::new();
        for (key, bytes) in self.items(room, Sees::All).await? {
            let found = bytes.as_deref().map(|bytes| read(&key, bytes)).transpose()?;
            all.extend(found.and_then(Item::asset).map(|document| (key.asset, document)));
        }
        Ok(all)
    }
}

impl Cache {
    /// Adds an asset's name to its room's set, unless that was done recently. The name is added before the
    /// asset is written, because no reader would find an asset without a name; the reverse does no harm.
    async fn add_name(&self, key: &AssetKey, is_new: bool) -> Result<()> {
        if !is_new && self.told.has(key) {
            return Ok(());
        }
        let added = self.client.add(item::index_key(&key.room), vec![key.asset.to_string()], self.ttl).await;
        // Reported like a failed read, because the asset is unchanged.
        added.map_err(MomentoError::of_read)?;
        self.told.note(key.clone());
        Ok(())
    }

    /// Reads the items of all names in a room's set.
    pub(super) async fn items(&self, room: &RoomName, sees: Sees) -> Result<Vec<(AssetKey, Option<Vec<u8>>)>> {
        let names = self.client.names(item::index_key(room)).await.map_err(MomentoError::of_read)?;
        let keys = names.iter().map(|name| asset_key(room, name)).collect::<Result<Vec<_>>>()?;
        let items: Vec<_> = keys.iter().map(item::key).collect();
        let items = self.client.get_all(&items, sees).await.map_err(MomentoError::of_read)?;
        Ok(keys.into_iter().zip(items).collect())
    }
}

/// Parses an asset's item.
pub(super) fn read(key: &AssetKey, bytes: &[u8]) -> Result<Item> {
    Item::read(bytes).map_err(|why| StoreError::not_ours(Cache::NAME, key, &why))
}

fn asset_key(room: &RoomName, name: &[u8]) -> Result<AssetKey> {
    match AssetName::parse(&String::from_utf8_lossy(name)) {
        Ok(asset) => Ok(AssetKey { room: room.clone(), asset }),
        Err(why) => {
            let message = format!("what is stored of the names in room {room} is not ours: {why}");
            Err(error(StoreErrorKind::Unavailable, message))
        }
    }
}
