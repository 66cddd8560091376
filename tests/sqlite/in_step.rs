use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use asset_arbiter::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::{Call, Created, Done, Limits, Result, Selected, Store},
};
use async_trait::async_trait;
use tokio::task::coop::unconstrained;

/// A store whose calls each end before anything else of the runtime goes on. Its threads then cannot change the
/// order of things, so a seed replays exactly; but no two changes ever share a commit.
pub(crate) struct InStep(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Store for InStep {
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
        finish(self.0.create(call, room, asset, units))
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Selected> {
        finish(self.0.select(call, room, asset, players, create))
    }

    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Done> {
        finish(self.0.release(call, room, asset, player))
    }

    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Done> {
        finish(self.0.restock(call, room, asset, n, condition))
    }

    async fn remove_asset(&self, call: Call, room: &RoomName, asset: &AssetName) -> Result<Done> {
        finish(self.0.remove_asset(call, room, asset))
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        finish(self.0.remove_room(room))
    }

    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState> {
        finish(self.0.asset(room, asset))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        finish(self.0.snapshot(room))
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        finish(self.0.revisions(room))
    }

    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        finish(self.0.holders(room, asset, after_revision, limit))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        finish(self.0.held_by(room, player))
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        finish(self.0.touch(room, now))
    }

    async fn ping(&self) -> Result<()> {
        finish(self.0.ping())
    }
}

/// Keeps this thread, and with it a runtime of one thread, until the call has ended.
fn finish<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(unconstrained(call));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
