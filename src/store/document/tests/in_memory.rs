use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::task::yield_now;

use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, Revocation, RoomName, Units},
    store::{
        AssetKey, Result, Store, Taker,
        document::{Document, DocumentBackend, Loaded},
        optimistic::{Backend, Change, Optimistic},
    },
};

/// Documents as JSON, in memory.
pub(super) struct InMemory<const GRANTS: usize> {
    pub(super) rooms: Mutex<BTreeMap<RoomName, BTreeMap<AssetName, String>>>,
    pub(super) revocations: Mutex<BTreeSet<Revocation>>,
    pub(super) reads: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) stale: AtomicUsize,
    /// Applied once: the next write takes effect, then this change does, and the write is answered as stale.
    pub(super) trick: Mutex<Option<fn(&mut Document)>>,
}

pub(super) const MOST: Units = 1000;

impl<const GRANTS: usize> InMemory<GRANTS> {
    pub(super) fn new() -> Self {
        let none = AtomicUsize::default;
        let (rooms, revocations, trick) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { rooms, revocations, reads: none(), writes: none(), stale: none(), trick }
    }

    pub(super) fn store() -> Arc<dyn Store> {
        Arc::new(Optimistic::new(Arc::new(Self::new())))
    }
}

/// Yields now and then, so that concurrent calls interleave.
async fn wait() {
    for _ in 0..fastrand::u8(..4) {
        yield_now().await;
    }
}

#[async_trait]
impl<const GRANTS: usize> Backend for Arc<InMemory<GRANTS>> {
    const NAME: &'static str = "documents";
    const MOST_UNITS: Units = MOST;
    const SELECT_CREATES: bool = true;
    const MOST_GRANTS: usize = GRANTS;

    fn room_ttl(&self) -> Option<Duration> {
        None
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.rooms.lock().remove(room);
        Ok(())
    }

    async fn touch(&self, _room: &RoomName, _now: Millis) -> Result<()> {
        Ok(())
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let mut revocations = self.revocations.lock();
        revocations.retain(|revocation| revocation.until > now);
        revocations.insert(revocation.clone());
        Ok(())
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let revocations = self.revocations.lock();
        Ok(revocations.iter().filter(|revocation| revocation.until > now).cloned().collect())
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
        Ok(())
    }
}

#[async_trait]
impl<const GRANTS: usize> DocumentBackend for Arc<InMemory<GRANTS>> {
    type Seen = Option<String>;

    async fn load(&self, key: &AssetKey) -> Result<Loaded<Self>> {
        wait().await;
        self.reads.fetch_add(1, Relaxed);
        let text = self.rooms.lock().get(&key.room).and_then(|room| room.get(&key.asset).cloned());
        wait().await;
        Ok((text.as_deref().map(parsed), text))
    }

    async fn replace(&self, key: &AssetKey, read: Loaded<Self>, change: Change) -> Result<bool> {
        wait().await;
        assert_eq!(change.before, read.0.as_ref().map(|read| read.counter.clone()));
        assert!(change.granted.len() <= GRANTS);
        let mut rooms = self.rooms.lock();
        if rooms.get(&key.room).and_then(|room| room.get(&key.asset)) != read.1.as_ref() {
            self.stale.fetch_add(1, Relaxed);
            return Ok(false);
        }
        self.writes.fetch_add(1, Relaxed);
        let mut after = Document::after(read.0, change);
        let trick = self.trick.lock().take();
        if let Some(trick) = trick {
            trick(&mut after);
        }
        rooms
            .entry(key.room.clone())
            .or_default()
            .insert(key.asset.clone(), serde_json::to_string(&after).unwrap());
        Ok(trick.is_none())
    }

    async fn load_all(&self, room: &RoomName, _holders: usize) -> Result<Vec<(AssetName, Document)>> {
        wait().await;
        let rooms = self.rooms.lock();
        let assets = rooms.get(room).into_iter().flatten().rev();
        Ok(assets.map(|(asset, text)| (asset.clone(), parsed(text))).collect())
    }
}

pub(super) fn parsed(text: &str) -> Document {
    serde_json::from_str(text).unwrap()
}
