//! **Guarantee**: exactly once, durable; an answer goes out when its transaction is on disk.
//! **Round trips**: none; all changes that wait share one fsync, and what changes nothing needs none.
//! **Survives**: kill -9, a crash and power loss, as far as the disk keeps what it has synced.
//! **On timeout**: a change that has begun may still take effect, once, as after a failed commit: repeat it.

mod asset;
mod calls;
mod claim;
mod error;
mod file;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod generation;
mod group_commit;
mod holders;
mod operation;
mod readers;
mod reads;
mod rooms;
mod schema;
mod value;
mod wal;
mod watch;
mod writer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use self::{
    claim::Claim,
    error::broken,
    group_commit::GroupCommit,
    operation::Operation,
    readers::Readers,
    wal::Wal,
    watch::{GRACE, Watch},
    writer::Writer,
};
use super::{
    Applied, Call, Created, Driver, Limits, Options, Result, Selected, Store, StoreError, StoreErrorKind,
    expiry::Expiry, rules::Ask,
};
use crate::model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["sqlite"],
    example: "sqlite:game.db",
    summary: "a file on this machine; survives kill -9 and power loss",
    source: include_str!("sqlite.rs"),
    limits: Limits::NONE,
    check: |url, _| file::named(url).map(drop),
    open,
};

const NAME: &str = "sqlite";

/// A store in one file on this machine.
struct SqliteStore {
    readers: Readers,
    writer: Writer,
    watch: Arc<Watch>,
    expiry: Expiry,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(SqliteStore::open(url, options, GRACE)?))
}

impl SqliteStore {
    /// `grace` is how long a file that was moved away may be missing.
    fn open(url: &str, options: Options, grace: Duration) -> Result<Self> {
        let claim = Claim::of(url)?;
        let mut db = schema::open_to_write(&claim)?;
        let wal = Wal::new(&mut db).map_err(|error| broken("cannot watch the log of changes", error))?;
        let watch = Arc::new(Watch::new(&claim, grace)?);
        let readers = Readers::open(claim.path(), Arc::clone(&watch))?;
        let group_commit = GroupCommit::new(db, claim, wal, Arc::clone(&watch));
        let writer = Writer::start(group_commit, Arc::clone(&watch), readers.pool())?;
        Ok(Self { readers, writer, watch, expiry: Expiry::new(options.room_ttl) })
    }

    /// Removes expired rooms, if a sweep is due, before something is created.
    async fn sweep(&self, now: Millis) {
        let Some(before) = self.expiry.due(now) else { return };
        match self.writer.change(move |db| Ok(rooms::expire(db, before)?)).await {
            Ok(gone) if gone == rooms::EXPIRED_AT_ONCE => self.expiry.sweep_again(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "expired rooms stay until the next time"),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn shared(&self) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn room_ttl(&self) -> Option<Duration> {
        self.expiry.ttl()
    }

    async fn create(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        units: Units,
    ) -> Result<Applied<Created>> {
        self.sweep(call.at).await;
        let operation = operation(call, room, asset);
        self.writer.change(move |db| operation.create(db, units)).await
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Applied<Selected>> {
        if create.is_some() {
            self.sweep(call.at).await;
        }
        let (operation, players) = (operation(call, room, asset), players.to_vec());
        self.writer.change(move |db| operation.select(db, &players, create)).await
    }

    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Applied<AssetState>> {
        let (operation, player) = (operation(call, room, asset), player.clone());
        self.writer.change(move |db| operation.change(db, Ask::Release { player: &player })).await
    }

    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Applied<AssetState>> {
        let operation = operation(call, room, asset);
        self.writer.change(move |db| operation.change(db, Ask::Restock { n, condition })).await
    }

    async fn remove_asset(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
    ) -> Result<Applied<AssetState>> {
        let operation = operation(call, room, asset);
        self.writer.change(move |db| operation.change(db, Ask::Remove)).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let room = room.clone();
        self.writer.change(move |db| Ok(rooms::remove(db, &room)?)).await
    }

    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState> {
        let (room, asset) = (room.clone(), asset.clone());
        self.readers.read(move |db| reads::asset(db, &room, &asset)).await
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let room = room.clone();
        self.readers.read(move |db| reads::snapshot(db, &room)).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let room = room.clone();
        self.readers.read(move |db| reads::revisions(db, &room)).await
    }

    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>> {
        let (room, asset) = (room.clone(), asset.clone());
        self.readers.read(move |db| reads::holders(db, &room, &asset, after_revision, limit)).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let (room, player) = (room.clone(), player.clone());
        self.readers.read(move |db| reads::held_by(db, &room, &player)).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        let room = room.clone();
        self.writer.change(move |db| Ok(rooms::used(db, &room, now)?)).await
    }

    async fn ping(&self) -> Result<()> {
        self.writer.change(|db| Ok(group_commit::probe(db)?)).await
    }

    fn status(&self) -> Result<()> {
        self.watch.status()
    }

    async fn failed(&self) -> StoreError {
        self.watch.failed().await
    }

    async fn close(&self) -> Result<()> {
        self.writer.close().await
    }
}

fn operation(call: Call, room: &RoomName, asset: &AssetName) -> Operation {
    Operation { call, room: room.clone(), asset: asset.clone() }
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
