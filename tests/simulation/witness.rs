//! Missing is not new: what the store once told a node that it has, that node never asks it to make, whatever it lost since.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use asset_arbiter::{
    bus::{Bus, BusError, BusMessage, Incoming},
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::{Call, Created, Done, Limits, Result, Selected, Store},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::mpsc;

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
    inner: Arc<dyn Store>,
    recording: Arc<RecordingStore>,
    seen: Arc<Seen>,
    /// A bug that is planted: with so many units each select makes an asset that is missing.
    makes_anew: Option<Units>,
}

impl Witness {
    pub fn new(
        inner: Arc<dyn Store>,
        recording: Arc<RecordingStore>,
        seen: Arc<Seen>,
        makes_anew: Option<Units>,
    ) -> Self {
        Self { inner, recording, seen, makes_anew }
    }

    fn saw<T>(&self, asset: &AssetName, answer: Result<T>) -> Result<T> {
        answer.inspect(|_| self.seen.add([asset]))
    }
}

#[async_trait]
impl Store for Witness {
    fn shared(&self) -> bool {
        self.inner.shared()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn room_ttl(&self) -> Option<Duration> {
        self.inner.room_ttl()
    }

    async fn create(&self, call: Call, room: &RoomName, asset: &AssetName, units: Units) -> Result<Created> {
        self.saw(asset, self.inner.create(call, room, asset, units).await)
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Selected> {
        let create = create.or(self.makes_anew);
        if create.is_some() && self.seen.0.lock().contains(asset) {
            self.recording
                .complain(format!("{}/{} is to make {asset}, of which its node was told", call.node, call.seq));
        }
        self.saw(asset, self.inner.select(call, room, asset, players, create).await)
    }

    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Done> {
        self.saw(asset, self.inner.release(call, room, asset, player).await)
    }

    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Done> {
        self.saw(asset, self.inner.restock(call, room, asset, n, condition).await)
    }

    async fn remove_asset(&self, call: Call, room: &RoomName, asset: &AssetName) -> Result<Done> {
        self.saw(asset, self.inner.remove_asset(call, room, asset).await)
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.inner.remove_room(room).await
    }

    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState> {
        self.saw(asset, self.inner.asset(room, asset).await)
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let snapshot = self.inner.snapshot(room).await;
        snapshot.inspect(|states| self.seen.add(states.iter().map(|state| &state.asset)))
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let revisions = self.inner.revisions(room).await;
        revisions.inspect(|rows| self.seen.add(rows.iter().map(|row| &row.asset)))
    }

    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        self.inner.holders(room, asset, after_revision, limit).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let held = self.inner.held_by(room, player).await;
        held.inspect(|rows| self.seen.add(rows.iter().map(|(asset, _)| asset)))
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.inner.touch(room, now).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
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
