use std::{future::Future, sync::Arc, time::Duration};

use asset_arbiter::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::{Call, Created, Done, Limits, Result, Selected, Store},
};
use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use crate::engines::PATIENCE;

/// Repeats reads until they are answered, and takes a breath after a change that was not: for properties that
/// are not written for a server that is away for a second.
pub struct Patient(pub Arc<dyn Store>);

const BREATH: Duration = Duration::from_millis(5);

async fn read<T, F: Future<Output = Result<T>>>(run: impl Fn() -> F) -> Result<T> {
    let since = Instant::now();
    loop {
        match run().await {
            Err(error) if error.kind().temporary() && since.elapsed() < PATIENCE => sleep(BREATH).await,
            answer => return answer,
        }
    }
}

async fn change<T>(run: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = run.await;
    if answer.as_ref().is_err_and(|error| error.kind().temporary()) {
        sleep(BREATH).await;
    }
    answer
}

#[async_trait]
impl Store for Patient {
    fn shared(&self) -> bool {
        self.0.shared()
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn room_ttl(&self) -> Option<Duration> {
        self.0.room_ttl()
    }

    async fn create(&self, call: Call, room: &RoomName, asset: &AssetName, units: Units) -> Result<Created> {
        change(self.0.create(call, room, asset, units)).await
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Selected> {
        change(self.0.select(call, room, asset, players, create)).await
    }

    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Done> {
        change(self.0.release(call, room, asset, player)).await
    }

    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Done> {
        change(self.0.restock(call, room, asset, n, condition)).await
    }

    async fn remove_asset(&self, call: Call, room: &RoomName, asset: &AssetName) -> Result<Done> {
        change(self.0.remove_asset(call, room, asset)).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        change(self.0.remove_room(room)).await
    }

    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState> {
        read(|| self.0.asset(room, asset)).await
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        read(|| self.0.snapshot(room)).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        read(|| self.0.revisions(room)).await
    }

    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        read(|| self.0.holders(room, asset, after_revision, limit)).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        read(|| self.0.held_by(room, player)).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        read(|| self.0.touch(room, now)).await
    }

    async fn ping(&self) -> Result<()> {
        read(|| self.0.ping()).await
    }
}
