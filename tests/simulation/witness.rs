//! Missing is not new: what the store once told a node that it has, that node never asks it to make, whatever it lost since.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use asset_arbiter::{
    bus::{Bus, BusError, BusMessage, Incoming},
    model::{AssetName, AssetState, Millis, NewAsset, PlayerName, RevisionRow, RoomName, Units},
    store::{
        Applied, AssetKey, Call, Reply, Result, Selected, Store,
        layer::{Forwarded, Layer},
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::recording_store::RecordingStore;

/// What a node was told of the room, up to now or until it let the room go.
#[derive(Default)]
pub struct Seen(Mutex<BTreeSet<AssetName>>);

impl Seen {
    fn add<'a>(&self, assets: impl IntoIterator<Item = &'a AssetName>) {
        self.0.lock().extend(assets.into_iter().cloned());
    }
}

/// Where a node meets its store.
pub struct Witness {
    pub inner: Arc<dyn Store>,
    pub recording: Arc<RecordingStore>,
    pub seen: Arc<Seen>,
    /// What the node's clock showed when the world began.
    pub zero: Millis,
    /// Notified of every prolongation.
    pub prolongs: Arc<Notify>,
    /// A bug that is planted: with so many units each select makes an asset that is missing.
    pub makes_anew: Option<Units>,
}

impl Witness {
    fn begins(&self, call: Call) {
        let elapsed = Duration::from_millis(call.at.saturating_sub(self.zero));
        self.recording.begins(call, elapsed);
    }

    fn saw<T>(&self, asset: &AssetName, answer: Result<T>) -> Result<T> {
        answer.inspect(|_| self.seen.add([asset]))
    }
}

#[async_trait]
impl Layer for Witness {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn run_change<T: Send + 'static>(
        &self,
        (call, key): (Call, &AssetKey),
        forwarded: Forwarded<Applied<T>>,
    ) -> Reply<T> {
        self.begins(call);
        self.saw(&key.asset, forwarded.make().await)
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        self.begins(call);
        let create = create.or_else(|| self.makes_anew.map(|units| Arc::new(NewAsset::plain(units))));
        if create.is_some() && self.seen.0.lock().contains(&key.asset) {
            let (Call { node, seq, .. }, asset) = (call, &key.asset);
            self.recording.complain(format!("{node}/{seq} is to make {asset}, of which its node was told"));
        }
        self.saw(&key.asset, self.inner.select(call, key, players, create).await)
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        self.begins(call);
        self.prolongs.notify_waiters();
        self.saw(&key.asset, self.inner.prolong(call, key, players).await)
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        self.saw(&key.asset, self.inner.asset(key).await)
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let snapshot = self.inner.snapshot(room).await;
        snapshot.inspect(|states| self.seen.add(states.iter().map(|state| &state.asset)))
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let revisions = self.inner.revisions(room).await;
        revisions.inspect(|rows| self.seen.add(rows.iter().map(|row| &row.asset)))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let held = self.inner.held_by(room, player).await;
        held.inspect(|rows| self.seen.add(rows.iter().map(|(asset, _)| asset)))
    }
}

/// Where a node meets its bus: it lets a room go when it leaves it.
pub struct Leaver {
    inner: Arc<dyn Bus>,
    seen: Arc<Seen>,
}

impl Leaver {
    pub fn new(inner: Arc<dyn Bus>, seen: Arc<Seen>) -> Self {
        Self { inner, seen }
    }
}

#[async_trait]
impl Bus for Leaver {
    fn reaches_other_nodes(&self) -> bool {
        self.inner.reaches_other_nodes()
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        self.inner.publish(room, message);
    }

    async fn subscribe(&self, room: &RoomName) -> std::result::Result<(), BusError> {
        self.inner.subscribe(room).await
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.seen.0.lock().clear();
        self.inner.unsubscribe(room);
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.inner.incoming()
    }
}
