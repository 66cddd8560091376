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
use tokio::{task::yield_now, time::sleep};

use crate::{
    conformance::{BACKLOG, HISTORY},
    model::{AssetEvent, AssetName, EventId, Millis, Revocation, RoomName, Units},
    store::{
        AssetKey, HistoryLimits, HistoryPage, Result, Store,
        document::{Document, DocumentBackend, Loaded, delete_events, in_turn, waiting_of},
        optimistic::{Backend, Change, EventBackend, Optimistic, Waiting},
    },
};

/// Documents as JSON, in memory.
pub(super) struct InMemory<const GRANTS: usize> {
    pub(super) rooms: Mutex<BTreeMap<RoomName, BTreeMap<AssetName, String>>>,
    pub(super) leases: Mutex<BTreeMap<RoomName, String>>,
    pub(super) history: Mutex<BTreeMap<AssetKey, BTreeMap<String, AssetEvent>>>,
    pub(super) revocations: Mutex<BTreeSet<Revocation>>,
    pub(super) backlog: Option<usize>,
    pub(super) reads: AtomicUsize,
    pub(super) writes: AtomicUsize,
    pub(super) stale: AtomicUsize,
    /// How long a request takes on its way, and as long a read on its way back.
    pub(super) latency: Mutex<Duration>,
    /// Applied once: the next write takes effect, then this change does, and the write is answered as stale.
    pub(super) trick: Mutex<Option<fn(&mut Document)>>,
}

pub(super) const MOST: Units = 1000;

impl<const GRANTS: usize> InMemory<GRANTS> {
    pub(super) fn new() -> Self {
        let none = AtomicUsize::default;
        Self {
            rooms: Mutex::default(),
            leases: Mutex::default(),
            history: Mutex::default(),
            revocations: Mutex::default(),
            backlog: None,
            reads: none(),
            writes: none(),
            stale: none(),
            latency: Mutex::default(),
            trick: Mutex::default(),
        }
    }

    pub(super) fn store() -> Arc<dyn Store> {
        Arc::new(Optimistic::new(Arc::new(Self::new())))
    }

    pub(super) fn slow_store(latency: Duration) -> Arc<dyn Store> {
        Arc::new(Optimistic::new(Arc::new(Self { latency: Mutex::new(latency), ..Self::new() })))
    }

    pub(super) fn store_with_events() -> Arc<dyn Store> {
        Arc::new(Optimistic::new(Arc::new(Self { backlog: Some(BACKLOG), ..Self::new() })))
    }

    /// Lets concurrent calls interleave.
    async fn wait(&self) {
        let latency = *self.latency.lock();
        if !latency.is_zero() {
            return sleep(latency).await;
        }
        for _ in 0..fastrand::u8(..4) {
            yield_now().await;
        }
    }

    /// Changes the document of an asset if it is still as `seen`; `None`: deletes it.
    fn set(&self, key: &AssetKey, seen: Option<&String>, text: Option<String>) -> bool {
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(key.room.clone()).or_default();
        if room.get(&key.asset) != seen {
            self.stale.fetch_add(1, Relaxed);
            return false;
        }
        match text {
            Some(text) => room.insert(key.asset.clone(), text),
            None => room.remove(&key.asset),
        };
        true
    }
}

#[async_trait]
impl<const GRANTS: usize> Backend for Arc<InMemory<GRANTS>> {
    const NAME: &'static str = "documents";
    const MOST_UNITS: Units = MOST;
    const SELECT_CREATES: bool = true;

    fn most_grants(&self) -> usize {
        GRANTS
    }

    fn room_ttl(&self) -> Option<Duration> {
        None
    }

    fn events_backlog(&self) -> Option<usize> {
        self.backlog
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        if let Some(room) = self.rooms.lock().get_mut(room) {
            let left = room.iter().filter_map(|(asset, text)| Some((asset, parsed(text).without_asset()?)));
            *room = left.map(|(asset, left)| (asset.clone(), written(&left))).collect();
        }
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

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        let rooms = self.rooms.lock();
        let waits = |room: &BTreeMap<_, String>| room.values().any(|text| !parsed(text).events.is_empty());
        let rooms = rooms.iter().filter(|(_, room)| waits(room)).map(|(name, _)| name);
        Ok(rooms.filter(|name| after.as_ref().is_none_or(|after| *name > after)).take(limit).cloned().collect())
    }

    fn history_limits(&self) -> Option<HistoryLimits> {
        self.backlog.map(|_| HISTORY)
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl<const GRANTS: usize> DocumentBackend for Arc<InMemory<GRANTS>> {
    type Seen = Option<String>;

    async fn load(&self, key: &AssetKey) -> Result<Loaded<Self>> {
        self.wait().await;
        self.reads.fetch_add(1, Relaxed);
        let text = self.rooms.lock().get(&key.room).and_then(|room| room.get(&key.asset).cloned());
        self.wait().await;
        Ok((text.as_deref().map(parsed), text))
    }

    async fn replace(&self, key: &AssetKey, read: Loaded<Self>, change: Change) -> Result<bool> {
        self.wait().await;
        let before = read.0.as_ref().filter(|read| !read.gone);
        assert_eq!(change.before, before.map(|read| read.counter.clone()));
        assert!(change.granted.len() <= GRANTS);
        let mut after = Document::after(read.0, change, self.backlog);
        let trick = self.trick.lock().take();
        if let Some(trick) = trick {
            trick(&mut after);
        }
        let is_written = self.set(key, read.1.as_ref(), Some(written(&after)));
        self.writes.fetch_add(usize::from(is_written), Relaxed);
        Ok(is_written && trick.is_none())
    }

    async fn load_all(&self, room: &RoomName, _holders: usize) -> Result<Vec<(AssetName, Document)>> {
        self.wait().await;
        let rooms = self.rooms.lock();
        let assets = rooms.get(room).into_iter().flatten().rev();
        Ok(assets.map(|(asset, text)| (asset.clone(), parsed(text))).collect())
    }

    async fn put_back(&self, key: &AssetKey, seen: Option<String>, left: Option<Document>) -> Result<bool> {
        self.wait().await;
        Ok(self.set(key, seen.as_ref(), left.as_ref().map(written)))
    }
}

#[async_trait]
impl<const GRANTS: usize> EventBackend for Arc<InMemory<GRANTS>> {
    async fn waiting(&self, room: &RoomName, turn: Option<&AssetName>, _limit: usize) -> Result<Vec<Waiting>> {
        self.wait().await;
        let all = self.load_all(room, 0).await?.into_iter().map(|(asset, found)| (asset, found.events));
        Ok(in_turn(all.collect(), turn))
    }

    async fn delete(&self, key: AssetKey, ids: Vec<&EventId>, now: Millis) -> Result<usize> {
        delete_events(self, &key, &ids, now).await
    }

    async fn add_history(&self, key: &AssetKey, events: &[AssetEvent], _now: Millis) -> Result<()> {
        self.wait().await;
        let mut history = self.history.lock();
        let of_asset = history.entry(key.clone()).or_default();
        of_asset.extend(events.iter().map(|event| (event.to_string(), event.clone())));
        while of_asset.len() > HISTORY.events {
            of_asset.pop_first();
        }
        Ok(())
    }

    async fn waiting_of(&self, key: &AssetKey) -> Result<Vec<AssetEvent>> {
        waiting_of(self, key).await
    }

    async fn acknowledged(&self, key: &AssetKey, _page: HistoryPage) -> Result<Vec<AssetEvent>> {
        self.wait().await;
        Ok(self.history.lock().get(key).map(|found| found.values().cloned().collect()).unwrap_or_default())
    }

    async fn lease(&self, room: &RoomName) -> Result<Option<String>> {
        self.wait().await;
        Ok(self.leases.lock().get(room).cloned())
    }

    async fn set_lease(&self, room: &RoomName, seen: Option<String>, lease: String) -> Result<bool> {
        self.wait().await;
        let mut leases = self.leases.lock();
        let is_same = leases.get(room) == seen.as_ref();
        if is_same {
            leases.insert(room.clone(), lease);
        }
        Ok(is_same)
    }
}

fn written(document: &Document) -> String {
    serde_json::to_string(document).unwrap()
}

pub(super) fn parsed(text: &str) -> Document {
    serde_json::from_str(text).unwrap()
}
