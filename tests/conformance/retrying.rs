use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::{
        Call, Created, Done, Limits, NodeId, Result, Selected, Store, StoreErrorKind, Verdict, faulty::Faulty,
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;

/// Tries before a store is taken for dead: no sequence of faults of any probability below 0.9 is that long.
pub const TRIES: usize = 1000;

/// Repeats each call until it is answered and then answers as if nothing had been lost, so that properties
/// written for a store that never fails hold word for word. For one caller at a time: between calls nobody
/// else may change the asset, or a grant could be taken for this call's own.
pub struct Retrying {
    inner: Arc<Faulty>,
    /// The newest call of each node on each asset that its caller made.
    newest: Mutex<HashMap<(NodeId, RoomName, AssetName), u64>>,
}

/// Repeats a call until it is answered, whatever the answer.
pub async fn answered<T, F>(call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.kind().temporary() => {}
            answer => return answer,
        }
    }
    call().await
}

impl Retrying {
    pub fn new(inner: Arc<Faulty>) -> Self {
        Self { inner, newest: Mutex::default() }
    }

    /// Whether its caller makes this call for the first time.
    fn first_made(&self, call: Call, room: &RoomName, asset: &AssetName) -> bool {
        let mut newest = self.newest.lock();
        let newest = newest.entry((call.node, room.clone(), asset.clone())).or_default();
        let first = call.seq > *newest;
        *newest = call.seq.max(*newest);
        first
    }

    async fn revision(&self, room: &RoomName, asset: &AssetName) -> Result<u64> {
        match self.asset(room, asset).await {
            Err(error) if error.kind() == StoreErrorKind::UnknownAsset => Ok(0),
            state => state.map(|state| state.revision),
        }
    }
}

#[async_trait]
impl Store for Retrying {
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
        let first = self.first_made(call, room, asset);
        let created = answered(|| self.inner.create(call, room, asset, units)).await?;
        Ok(Created { repeated: created.repeated && !first, ..created })
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Selected> {
        let first = self.first_made(call, room, asset);
        let before = self.revision(room, asset).await?;
        let mut selected = answered(|| self.inner.select(call, room, asset, players, create)).await?;
        if first && selected.repeated {
            selected.repeated = false;
            for verdict in &mut selected.verdicts {
                match *verdict {
                    Verdict::AlreadyHeld { revision } if revision > before => {
                        *verdict = Verdict::Granted { revision }
                    }
                    _ => {}
                }
            }
        }
        Ok(selected)
    }

    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Done> {
        let first = self.first_made(call, room, asset);
        let done = answered(|| self.inner.release(call, room, asset, player)).await?;
        Ok(Done { repeated: done.repeated && !first, ..done })
    }

    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Done> {
        let first = self.first_made(call, room, asset);
        let done = answered(|| self.inner.restock(call, room, asset, n, condition)).await?;
        Ok(Done { repeated: done.repeated && !first, ..done })
    }

    async fn remove_asset(&self, call: Call, room: &RoomName, asset: &AssetName) -> Result<Done> {
        let first = self.first_made(call, room, asset);
        let done = answered(|| self.inner.remove_asset(call, room, asset)).await?;
        Ok(Done { repeated: done.repeated && !first, ..done })
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        answered(|| self.inner.remove_room(room)).await
    }

    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState> {
        answered(|| self.inner.asset(room, asset)).await
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        answered(|| self.inner.snapshot(room)).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        answered(|| self.inner.revisions(room)).await
    }

    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        answered(|| self.inner.holders(room, asset, after_revision, limit)).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        answered(|| self.inner.held_by(room, player)).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        answered(|| self.inner.touch(room, now)).await
    }

    async fn ping(&self) -> Result<()> {
        answered(|| self.inner.ping()).await
    }
}
