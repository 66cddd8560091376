//! **Guarantee**: exactly once; the decision and its record are one step under a short lock.
//! **Round trips**: none.
//! **Survives**: nothing; gone with the process.
//! **On timeout**: there are none; a call always answers.
//! **Events**: in this process's memory, under the same lock; gone with the process.

mod asset;
mod count;
mod expiry;
mod history;
mod outbox;
mod room;

use std::{
    collections::HashSet,
    ops::Bound::{Excluded, Unbounded},
    slice,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use dashmap::DashMap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use self::{
    asset::Asset,
    count::Count,
    expiry::Expiry,
    outbox::MemoryOutbox,
    room::{Room, answered},
};
use super::{
    Applied, AssetKey, Call, Created, Driver, HistoryKept, HistoryLimits, HistoryPage, Leased, Limits, Options,
    Reply, Result, Selected, SelectedNow, Store, StoreError, StoreErrorKind, Taker,
    rules::{Ask, Decided, Outcome},
};
use crate::model::{
    AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Millis, NewAsset, PlayerName, RevisionRow,
    Revocation, RoomName, Units, limits::HOLDERS_SHOWN, without_secrets,
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["memory"],
    example: "memory:",
    summary: "this process's memory; fastest, gone with the process",
    source: include_str!("memory.rs"),
    limits: Limits::NONE,
    check: |url, _| check(url),
    open,
};

const NAME: &str = "memory";

/// Maximum number of expired rooms removed when one is added. Expired rooms only accumulate while rooms are
/// added, so removing more than one per addition suffices, and no call waits for a full sweep.
const SWEPT_AT_ONCE: usize = 16;

/// How many assets are copied before the task yields.
const COPIED_AT_ONCE: usize = 128;

/// A store in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rooms: DashMap<RoomName, Room, RandomState>,
    /// Milliseconds an unused room is kept; 0: for ever.
    ttl: Millis,
    expiry: Expiry,
    count: Count,
    revocations: Mutex<HashSet<Revocation>>,
    /// `None`: changes are not kept as events.
    outbox: Option<MemoryOutbox>,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    check(url)?;
    let store = MemoryStore::new(options.room_ttl).with_max_assets(options.max_assets);
    Ok(Arc::new(store.with_events(options.events_backlog).with_history(options.history)))
}

fn check(url: &str) -> Result<()> {
    let shown = without_secrets(url);
    let why =
        || error(StoreErrorKind::Unavailable, format!("takes no parameters: write memory:, not {shown:?}"));
    (url == "memory:").then_some(()).ok_or_else(why)
}

impl MemoryStore {
    /// An empty store that removes rooms unused for `ttl`.
    #[must_use]
    pub fn new(ttl: Option<Duration>) -> Self {
        let ttl = ttl.map_or(0, |ttl| ttl.as_millis() as Millis);
        Self { ttl, ..Self::default() }
    }

    /// Limits the number of assets in all rooms, tombstones included; `None`: unlimited.
    #[must_use]
    pub fn with_max_assets(self, most: Option<usize>) -> Self {
        Self { count: Count::new(most), ..self }
    }

    /// Keeps changes as events, at most `backlog` for each asset; `None`: keeps none.
    #[must_use]
    pub fn with_events(self, backlog: Option<usize>) -> Self {
        Self { outbox: backlog.map(MemoryOutbox::new), ..self }
    }

    /// Keeps so much of the events that are acknowledged; `None`: nothing.
    #[must_use]
    pub fn with_history(self, limits: Option<HistoryLimits>) -> Self {
        Self { outbox: self.outbox.map(|outbox| outbox.with_history(limits)), ..self }
    }

    /// Runs `change` on a room, creating it if necessary. Removes a room that is empty afterwards.
    fn with_room<T>(&self, room: &RoomName, now: Millis, change: impl FnOnce(&mut Room) -> T) -> T {
        if let Some(mut found) = self.rooms.get_mut(room) {
            found.used_at = found.used_at.max(now);
            return change(&mut found);
        }
        self.sweep(now);
        let (changed, is_empty) = {
            let mut made = self.rooms.entry(room.clone()).or_default();
            made.used_at = made.used_at.max(now);
            let changed = change(&mut made);
            if self.ttl > 0 && made.expires.is_none() && !made.assets.is_empty() {
                made.expires = Some(self.expiry.add(room, now));
            }
            (changed, made.assets.is_empty())
        };
        if is_empty {
            self.rooms.remove_if(room, |_, room| room.assets.is_empty());
        }
        changed
    }

    /// Decides a call, and creates the asset if the call may. Returns the asset right after the call, too, with its first
    /// `holders` holders.
    fn decide(
        &self,
        call: Call,
        key: &AssetKey,
        ask: Ask<'_>,
        holders: usize,
    ) -> Result<(Decided, AssetState)> {
        let AssetKey { room, asset } = key;
        let unknown = || StoreError::unknown_asset(NAME, asset);
        let outbox = self.outbox.as_ref();
        let Some(new) = ask.creates() else {
            let mut room = self.rooms.get_mut(room).ok_or_else(unknown)?;
            room.used_at = room.used_at.max(call.at);
            return room.decide(call, key, ask, holders, outbox).unwrap_or_else(|| Err(unknown()));
        };
        self.with_room(room, call.at, |room| {
            if let Some(decided) = room.decide(call, key, ask, holders, outbox) {
                return decided;
            }
            self.count.add_one()?;
            let mut created = Asset::new(call, new);
            let decided = created.decide(&mut room.held, key, call, ask, true, outbox);
            let answer = answered(asset, ask, holders, decided, &created);
            room.assets.insert(asset, created);
            answer
        })
    }

    fn leased(&self, call: Call, key: &AssetKey, ask: Ask<'_>) -> Reply<Leased> {
        let (Decided { outcome, grant, repeated, .. }, state) = self.decide(call, key, ask, HOLDERS_SHOWN)?;
        Ok(Applied::new(Leased { changed: outcome == Outcome::Changed, grant, state }, repeated))
    }

    fn change(&self, call: Call, key: &AssetKey, ask: Ask<'_>) -> Reply<AssetState> {
        self.decide(call, key, ask, HOLDERS_SHOWN).map(|(decided, state)| Applied::new(state, decided.repeated))
    }

    fn read<T>(&self, room: &RoomName, look: impl FnOnce(&Room) -> T) -> Option<T> {
        self.rooms.get(room).map(|room| look(&room))
    }

    /// Removes up to [`SWEPT_AT_ONCE`] expired rooms.
    fn sweep(&self, now: Millis) {
        let Some(used_before) = now.checked_sub(self.ttl).filter(|_| self.ttl > 0) else { return };
        for _ in 0..SWEPT_AT_ONCE {
            let Some((entry, name)) = self.expiry.first(used_before) else { return };
            let expired = |room: &Room| room.expires == Some(entry) && room.used_at <= used_before;
            if let Some((_, room)) = self.rooms.remove_if(&name, |_, room| expired(room)) {
                self.note_gone(&room);
            } else if let Some(mut room) = self.rooms.get_mut(&name).filter(|room| room.expires == Some(entry))
            {
                room.expires = Some(self.expiry.postpone(entry, room.used_at));
            } else {
                self.expiry.remove(entry);
            }
        }
    }

    fn note_gone(&self, room: &Room) {
        self.count.subtract(room.assets.len());
        if let Some(entry) = room.expires {
            self.expiry.remove(entry);
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn shared(&self) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn room_ttl(&self) -> Option<Duration> {
        (self.ttl > 0).then(|| Duration::from_millis(self.ttl))
    }

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        let (decided, state) = self.decide(call, key, Ask::Create { new }, HOLDERS_SHOWN)?;
        Ok(Applied::new(Created { created: decided.outcome == Outcome::Changed, state }, decided.repeated))
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let ask = Ask::Select { players, create: create.as_deref() };
        let (decided, state) = self.decide(call, key, ask, HOLDERS_SHOWN)?;
        Ok(Applied::new(Selected { verdicts: decided.verdicts, state }, decided.repeated))
    }

    fn select_now(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        create: Option<&NewAsset>,
    ) -> Option<Reply<SelectedNow>> {
        let ask = Ask::Select { players: slice::from_ref(player), create };
        let selected = self.decide(call, key, ask, 0).map(|(decided, state)| {
            let verdict = *decided.verdicts.first().expect("one verdict per player");
            Applied::new(SelectedNow { verdict, state }, decided.repeated)
        });
        Some(selected)
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        self.change(call, key, Ask::Release { player, reason })
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        self.leased(call, key, Ask::Confirm { player, retake })
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        self.leased(call, key, Ask::Extend { player, most })
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        self.change(call, key, Ask::Prolong { players })
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Expire)
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        self.change(call, key, Ask::Restock { n, condition })
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Reset)
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Remove)
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        if let Some((_, room)) = self.rooms.remove(room) {
            self.note_gone(&room);
        }
        Ok(())
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        self.read(&key.room, |room| {
            room.assets.get(&key.asset).map(|found| found.state(&key.asset, HOLDERS_SHOWN))
        })
        .flatten()
        .ok_or_else(|| StoreError::unknown_asset(NAME, &key.asset))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        let mut states: Vec<AssetState> = Vec::new();
        loop {
            let before = states.len();
            self.read(room, |room| {
                let after = states.last().map_or(Unbounded, |last| Excluded(last.asset.clone()));
                let next = room.assets.range((after, Unbounded)).take(COPIED_AT_ONCE);
                states.extend(next.map(|(name, asset)| asset.state(name, HOLDERS_SHOWN)));
            });
            if states.len() < before + COPIED_AT_ONCE {
                return Ok(states);
            }
            tokio::task::yield_now().await;
        }
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        let rows = |room: &Room| room.assets.iter().map(|(name, asset)| asset.counter.row(name)).collect();
        Ok(self.read(room, rows).unwrap_or_default())
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let from = after_revision.map_or(0, |revision| revision.saturating_add(1));
        self.read(&key.room, |room| {
            let found = room.assets.get(&key.asset).filter(|found| !found.counter.removed)?;
            Some(found.holders_from(from).take(limit).cloned().collect())
        })
        .flatten()
        .ok_or_else(|| StoreError::unknown_asset(NAME, &key.asset))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let held = |room: &Room| room.held.by(player);
        Ok(self.read(room, held).unwrap_or_default())
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        if let Some(mut room) = self.rooms.get_mut(room) {
            room.used_at = room.used_at.max(now);
        }
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

    fn keeps_events(&self) -> bool {
        self.outbox.is_some()
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        Ok(self.outbox.as_ref().map(|outbox| outbox.waiting_rooms(after, limit)).unwrap_or_default())
    }

    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        Ok(self.outbox.as_ref().map(|outbox| outbox.take(room, taker, limit)).unwrap_or_default())
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        self.outbox.iter().for_each(|outbox| outbox.acknowledge(room, events, now));
        Ok(())
    }

    fn keeps_history(&self) -> HistoryKept {
        self.outbox.as_ref().map_or(HistoryKept::Off, MemoryOutbox::keeps_history)
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        Ok(self.outbox.as_ref().map(|outbox| outbox.history(key, page)).unwrap_or_default())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

fn error(kind: StoreErrorKind, message: String) -> StoreError {
    StoreError::new(NAME, kind, message)
}
