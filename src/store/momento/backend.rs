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
    model::{AssetName, EventId, Millis, Revocation, RoomName, Units},
    store::{
        AssetKey, HistoryKept, Result, StoreError, StoreErrorKind,
        document::{Document, DocumentBackend, Loaded, delete_events, in_turn},
        optimistic::{Backend, Change, EventBackend, Waiting},
    },
};

/// The time to live of the values that a ping writes.
const PING_LIVES: Duration = Duration::from_secs(10);
/// The time to live of the lease of a room's events: longer than a lease and a call last.
const LEASE_LIVES: Duration = Duration::from_secs(600);

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

    fn events_backlog(&self) -> Option<usize> {
        self.events_backlog
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

    fn needs_marks(&self) -> bool {
        true
    }

    async fn mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.add_mark(room, now).await
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        self.marked_rooms(after, limit).await
    }

    /// An item would have to hold all of it, or the cache to list what it has.
    fn keeps_history(&self) -> HistoryKept {
        HistoryKept::NotBy { store: Self::NAME }
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
        let is_new = before.as_ref().is_none_or(|before| before.gone);
        self.add_name(key, is_new).await?;
        let value = value(&Document::after(before, change, self.events_backlog))?;
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

    async fn put_back(&self, key: &AssetKey, seen: Option<Vec<u8>>, left: Option<Document>) -> Result<bool> {
        self.set_left(key, seen, left).await
    }
}

#[async_trait]
impl EventBackend for Cache {
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, _limit: usize) -> Result<Vec<Waiting>> {
        let all = self.load_all(room, 0).await?;
        Ok(in_turn(all.into_iter().map(|(asset, document)| (asset, document.events)).collect(), turn))
    }

    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>, now: Millis) -> Result<usize> {
        delete_events(self, &key, &ids, now).await
    }

    async fn forget_mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.remove_old_marks(room, now).await
    }

    async fn lease(&self, room: &RoomName) -> Result<Option<String>> {
        let found = self.client.get(item::lease_key(room), Sees::All).await.map_err(MomentoError::of_read)?;
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool> {
        let (key, seen) = (item::lease_key(room), seen.map(String::into_bytes));
        let set = self.client.set_if(key, seen, lease.into_bytes(), LEASE_LIVES).await;
        set.map_err(MomentoError::of_write)
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

/// The item of an asset.
pub(super) fn value(document: &Document) -> Result<Vec<u8>> {
    let unwritable = |why| error(StoreErrorKind::Unavailable, format!("an asset cannot be written: {why}"));
    serde_json::to_vec(document).map_err(unwritable)
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
