use std::time::Duration;

use async_trait::async_trait;

use super::record::{Change, Record};
use crate::{
    model::{
        AssetEvent, AssetName, AssetState, EventId, Grant, Millis, PlayerName, RevisionRow, Revocation,
        RoomName, Units,
    },
    store::{AssetKey, HistoryKept, HistoryLimits, HistoryPage, Result, StoreTime, Taker},
};

/// The limits of a driver, and its operations on whole rooms and on no room, which are those of
/// [`Store`](crate::store::Store).
#[async_trait]
pub(in crate::store) trait Backend: Send + Sync + 'static {
    /// The store's name in errors.
    const NAME: &'static str;
    /// Maximum units of one asset.
    const MOST_UNITS: Units = Units::MAX;
    /// Whether the store knows for sure that an asset was never created. If false, a select creates no asset.
    const SELECT_CREATES: bool = true;

    /// Maximum grants in one write.
    fn most_grants(&self) -> usize {
        usize::MAX
    }

    fn room_ttl(&self) -> Option<Duration>;

    /// How long the store keeps what an asset must remember until a deadline, in milliseconds.
    fn longest_deadline(&self) -> Millis {
        Millis::MAX
    }

    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    fn events_backlog(&self) -> Option<usize> {
        None
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()>;

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()>;

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()>;

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>>;

    /// As in [`Store`](crate::store::Store).
    async fn clock(&self) -> Result<Option<StoreTime>> {
        Ok(None)
    }

    /// As in [`Store`](crate::store::Store).
    fn needs_marks(&self) -> bool {
        false
    }

    /// As in [`Store`](crate::store::Store).
    async fn mark(&self, _room: &RoomName, _now: Millis) -> Result<()> {
        Ok(())
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>>;

    /// How much is kept of the events that were acknowledged; `None`: nothing.
    fn history_limits(&self) -> Option<HistoryLimits> {
        None
    }

    /// As in [`Store`](crate::store::Store).
    fn keeps_history(&self) -> HistoryKept {
        HistoryKept::of(self.history_limits().is_some())
    }

    async fn ping(&self) -> Result<()>;
}

/// Events that wait, and those that were acknowledged. Methods are those of [`Store`](crate::store::Store).
#[async_trait]
pub(in crate::store) trait EventStore: Backend {
    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>>;

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()>;

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>>;
}

/// Reads assets and writes them on the condition that they are unchanged. Methods without a comment are those of
/// [`Store`](crate::store::Store).
///
/// # Errors
/// A failed read is `Unavailable`. So is a write that certainly did nothing; any other failed write is
/// `OutcomeUnknown`.
#[async_trait]
pub(in crate::store) trait RecordStore: EventStore {
    /// The data that a write needs from the preceding read, such as an open transaction. Dropping it writes nothing.
    type Seen: Send;

    /// Reads an asset, which of the distinct `players` hold it, and which grants end by the time of a change at `at`, as one
    /// snapshot taken after the call began. Denials are decided on it, so it must be as durable as a write.
    async fn read(
        &self,
        key: &AssetKey,
        players: &[PlayerName],
        at: Millis,
    ) -> Result<(Option<Record>, Self::Seen)>;

    /// Writes a change if the asset is still as `seen`: absent if `change.before` is `None`, else of that
    /// origin and revision. Returns `false`, without writing anything, if it has changed. The write is atomic.
    /// A late or duplicate write finds another revision and does nothing.
    async fn write(&self, key: &AssetKey, seen: Self::Seen, change: Change) -> Result<bool>;

    /// As in [`Store`](crate::store::Store); `None` if there is no such asset.
    async fn asset(&self, key: &AssetKey) -> Result<Option<AssetState>>;

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>>;

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>>;

    /// As in [`Store`](crate::store::Store); `None` if there is no such asset or it is removed.
    async fn holders(&self, key: &AssetKey, after: Option<u64>, limit: usize) -> Result<Option<Vec<Grant>>>;

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>>;
}
