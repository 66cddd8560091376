//! **Guarantee**: exactly once, durable; an answer goes out when its transaction is on disk.
//! **Round trips**: none; all changes that wait share one fsync, and what changes nothing needs none.
//! **Survives**: kill -9, a crash and power loss, as far as the disk keeps what it has synced.
//! **On timeout**: a change that has begun may still take effect, once, as after a failed commit: repeat it.
//! **Events**: rows of the change's own transaction.

mod asset;
mod calls;
mod claim;
mod error;
mod file;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod generation;
mod group_commit;
mod history;
mod holders;
mod operation;
mod outbox;
mod readers;
mod revocations;
mod rooms;
mod schema;
mod value;
mod wal;
mod watch;
mod writer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::Connection;

use self::{
    asset::Asset,
    claim::Claim,
    error::{broken, unknown},
    group_commit::GroupCommit,
    operation::Operation,
    readers::Readers,
    wal::Wal,
    watch::{GRACE, Watch},
    writer::Writer,
};
use super::{
    AssetKey, Call, Created, Driver, HistoryKept, HistoryLimits, HistoryPage, Leased, Limits, Options, Reply,
    Result, Selected, Store, StoreError, StoreErrorKind, Taker, expiry::Expiry, revocation, rules::Ask,
};
use crate::model::{
    AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Millis, NewAsset, PlayerName, RevisionRow,
    Revocation, RoomName, Units,
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["sqlite"],
    example: "sqlite:game.db",
    summary: "a file on this machine; survives kill -9 and power loss",
    source: include_str!("sqlite.rs"),
    limits: Limits::NONE,
    check: |url, _| file::resolve(file::named(url)?).map(drop),
    open,
};

const NAME: &str = "sqlite";

/// A store in one file on this machine.
struct SqliteStore {
    readers: Readers,
    writer: Writer,
    watch: Arc<Watch>,
    expiry: Expiry,
    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    events_backlog: Option<usize>,
    history: Option<HistoryLimits>,
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
        let readers = Readers::open(&claim.path, Arc::clone(&watch))?;
        let group_commit = GroupCommit::new(db, claim, wal, Arc::clone(&watch));
        let writer = Writer::start(group_commit, Arc::clone(&watch), readers.pool())?;
        let Options { room_ttl, events_backlog, history, .. } = options;
        Ok(Self { readers, writer, watch, expiry: Expiry::new(room_ttl), events_backlog, history })
    }

    fn operation(&self, call: Call, key: &AssetKey) -> Operation {
        Operation { call, key: key.clone(), events_backlog: self.events_backlog }
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

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        self.sweep(call.at).await;
        let (operation, new) = (self.operation(call, key), new.clone());
        self.writer.change(move |db| operation.create(db, &new)).await
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        if create.is_some() {
            self.sweep(call.at).await;
        }
        let (operation, players) = (self.operation(call, key), players.to_vec());
        self.writer.change(move |db| operation.select(db, &players, create.as_deref())).await
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        let (operation, player) = (self.operation(call, key), player.clone());
        self.writer.change(move |db| operation.change(db, Ask::Release { player: &player, reason })).await
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        let (operation, player) = (self.operation(call, key), player.clone());
        self.writer.change(move |db| operation.lease(db, Ask::Confirm { player: &player, retake })).await
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        let (operation, player) = (self.operation(call, key), player.clone());
        self.writer.change(move |db| operation.lease(db, Ask::Extend { player: &player, most })).await
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        let (operation, players) = (self.operation(call, key), players.to_vec());
        self.writer.change(move |db| operation.change(db, Ask::Prolong { players: &players })).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let operation = self.operation(call, key);
        self.writer.change(move |db| operation.change(db, Ask::Expire)).await
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let operation = self.operation(call, key);
        self.writer.change(move |db| operation.change(db, Ask::Restock { n, condition })).await
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let operation = self.operation(call, key);
        self.writer.change(move |db| operation.change(db, Ask::Reset)).await
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let operation = self.operation(call, key);
        self.writer.change(move |db| operation.change(db, Ask::Remove)).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let room = room.clone();
        self.writer.change(move |db| Ok(rooms::remove(db, &room)?)).await
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        let key = key.clone();
        self.readers.read(move |db| Ok(Asset::found(db, &key)?.state(db)?)).await
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let room = room.clone();
        self.readers
            .read(move |db| Asset::of_room(db, &room)?.iter().map(|it| Ok(it.state(db)?)).collect())
            .await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let room = room.clone();
        self.readers.read(move |db| Ok(Asset::of_room(db, &room)?.iter().map(Asset::row).collect())).await
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let key = key.clone();
        let from = after_revision.map_or(0, |revision| revision.saturating_add(1));
        let page = move |db: &Connection| {
            let found = Asset::found(db, &key)?;
            if found.counter.removed {
                Err(unknown(&key.asset))
            } else {
                Ok(holders::page(db, &found, from, limit)?)
            }
        };
        self.readers.read(page).await
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let (room, player) = (room.clone(), player.clone());
        self.readers.read(move |db| Ok(holders::held_by(db, &room, &player)?)).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        let room = room.clone();
        self.writer.change(move |db| Ok(rooms::used(db, &room, now)?)).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        let (text, until) = (revocation::text(NAME, revocation)?, revocation.until);
        self.writer.change(move |db| Ok(revocations::add(db, &text, until, now)?)).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let texts = self.readers.read(move |db| Ok(revocations::all(db, now)?)).await?;
        revocation::parse_all(NAME, texts, now)
    }

    fn keeps_events(&self) -> bool {
        self.events_backlog.is_some()
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        self.readers.read(move |db| Ok(outbox::waiting_rooms(db, after.as_ref(), limit)?)).await
    }

    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        let room = room.clone();
        self.writer.change(move |db| Ok(outbox::take(db, &room, taker, limit)?)).await
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        let (room, events, kept) = (room.clone(), events.to_vec(), self.history);
        self.writer.change(move |db| Ok(outbox::acknowledge(db, &room, &events, kept, now)?)).await
    }

    fn keeps_history(&self) -> HistoryKept {
        HistoryKept::of(self.history.is_some())
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        let Some(limits) = self.history else { return Ok(Vec::new()) };
        let key = key.clone();
        self.readers.read(move |db| Ok(history::page(db, &key, page, limits)?)).await
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

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
