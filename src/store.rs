//! The stores of counters and holders: the [`Store`] contract, the table of drivers, and `open(url)`.
//!
//! A driver is one file plus one line in [`DRIVERS`]. Help texts, [`open`] and the conformance suite iterate
//! over that table.

mod call;
#[cfg(any(feature = "mongodb", feature = "momento"))]
mod document;
mod drivers;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod error;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod expiry;
#[cfg(any(test, feature = "test-util"))]
pub mod faulty;
#[cfg(feature = "test-util")]
pub(crate) mod fuzzing;
mod history;
mod last_calls;
#[cfg(any(test, feature = "test-util"))]
pub mod layer;
mod memory;
#[cfg(feature = "momento")]
mod momento;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
mod optimistic;
mod outbox;
#[cfg(any(feature = "momento", feature = "mysql"))]
mod recent;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(
    feature = "dynamodb",
    feature = "mongodb",
    feature = "mysql",
    feature = "momento",
    feature = "redis",
    feature = "sqlite"
))]
mod revocation;
mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use call::{Applied, AssetKey, Call, NodeId};
pub use drivers::{DRIVERS, Driver, Options, SWITCHED_OFF, check, driver, open};
pub use error::{StoreError, StoreErrorCause, StoreErrorKind};
pub use history::{HistoryKept, HistoryLimits, HistoryPage};
pub use memory::MemoryStore;
pub use outbox::{MARK_MS, Taker};

use crate::model::{
    AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Lease, Millis, NewAsset, PlayerName,
    RevisionRow, Revocation, RoomName, Units,
};

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The result of a changing call.
pub type Reply<T> = Result<Applied<T>>;

/// What a store's clock shows: it is read in steps, so the time is one of these.
pub type StoreTime = RangeInclusive<Millis>;

/// Stores counters and holders.
///
/// Every changing call is one atomic step and carries a [`Call`]. The arbiter, a driver or the network may
/// therefore retry the call, and it takes effect once.
///
/// Calls are idempotent. Once a call has been answered, retrying it changes nothing and returns the same
/// refusal, even if the asset changed since. The exception is a call that found no asset, not even a tombstone:
/// it leaves no trace, because otherwise strangers could fill the store with names. A late copy of such a call
/// counts as a new call if the asset has been created since.
///
/// # Errors
/// Every method may fail with [`StoreErrorKind::Unavailable`] (nothing happened) or
/// [`StoreErrorKind::OutcomeUnknown`] (the call may have taken effect: retry the same call). Further kinds are
/// named at the method.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Whether other nodes may change this store. If so, views must be compared with the store.
    fn shared(&self) -> bool;

    /// The limits of this store.
    fn limits(&self) -> Limits;

    /// How long an unused room is kept; `None`: for ever. Using a room means calling [`Self::touch`].
    fn room_ttl(&self) -> Option<Duration>;

    /// Creates an asset at revision 0. If it was removed, the new revision is the tombstone's revision plus one.
    /// If the asset exists and was created with the same units and options, nothing changes.
    ///
    /// # Errors
    /// `Conflict`: the asset exists and was created with other units or options.
    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created>;

    /// Looks up which of the distinct `players` already hold the asset, decrements the counter by the number of
    /// the others, and records as holders those for whom the result is at least 0, in order. With `create`, an
    /// asset that does not exist (and was not removed) is created like that in the same step.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected>;

    /// The same for one player, decided before this returns, where the store need not wait for anything. `None`: nothing
    /// happened, use [`select`](Self::select).
    fn select_now(
        &self,
        _call: Call,
        _key: &AssetKey,
        _player: &PlayerName,
        _create: Option<&NewAsset>,
    ) -> Option<Reply<SelectedNow>> {
        None
    }

    /// Deletes the holder and sets `remaining = max(remaining, 0) + 1`. An asset with options remembers the reason.
    ///
    /// # Errors
    /// `UnknownAsset`; `NotHeld`, also when retried.
    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState>;

    /// Confirms a player's hold: its deadline goes, or becomes that of the confirmed grant. With `retake`, a player whose
    /// hold has expired gets a unit that is left, confirmed, in the same step.
    ///
    /// # Errors
    /// `UnknownAsset`; `NotHeld`: the player has no grant, and the last one did not end by a deadline.
    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased>;

    /// Lets a player's hold begin anew, until `most` milliseconds after the grant at the latest.
    ///
    /// # Errors
    /// `UnknownAsset`; `NotHeld` as in [`Self::confirm`]; `Conflict`: the grant is no hold, or is confirmed.
    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased>;

    /// The distinct `players` are in the room: what they hold of an asset with `leave_ms` ends that long from now at the
    /// earliest. At most [`PROLONGED_PLAYERS`](crate::model::limits::PROLONGED_PLAYERS).
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState>;

    /// Does nothing but what every change does first: ends the grants whose deadlines have passed, in the order of their
    /// deadlines, each with a revision of its own.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState>;

    /// Sets `units += n; remaining = max(remaining, 0) + n` if the asset is at revision `condition`; `None`: at
    /// any revision.
    ///
    /// # Errors
    /// `UnknownAsset`; `Conflict`: the asset is at another revision; `LimitReached`: the units would exceed
    /// [`Limits::units`].
    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState>;

    /// Makes an asset whole again: increments its revision, deletes its holders, and sets `units` and `remaining` to the
    /// units of its creation.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState>;

    /// Removes an asset: increments its revision, deletes its holders and keeps the record as a tombstone.
    ///
    /// # Errors
    /// `UnknownAsset`, also when another call has removed the asset already.
    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState>;

    /// Removes all assets of a room, tombstones included. An empty room is no error.
    async fn remove_room(&self, room: &RoomName) -> Result<()>;

    /// Reads one asset; a tombstone is returned, too.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn asset(&self, key: &AssetKey) -> Result<AssetState>;

    /// Reads every asset of a room, tombstones included, ordered by name, each with its first
    /// [`HOLDERS_SHOWN`](crate::model::limits::HOLDERS_SHOWN) holders.
    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>>;

    /// Reads every asset of a room, tombstones included, without holders. Resync uses this because it is cheap.
    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>>;

    /// Reads at most `limit` holders whose grant is newer than `after_revision` (`None`: all), ordered by
    /// revision.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>>;

    /// Reads the assets a player holds in a room, each with the revision of its grant.
    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>>;

    /// Records that a room is in use at `now`, so that it does not expire.
    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()>;

    /// Adds a revocation at `now`, unless the store has it, and drops those that have ended. Repeating it changes nothing.
    /// Revocations belong to no room: [`Self::remove_room`] and an expiry of rooms leave them.
    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()>;

    /// Reads the revocations that have not ended at `now`, in any order. Sees every one whose [`Self::revoke`] was answered
    /// before.
    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>>;

    /// The store's own clock. `None`: it has none that can be asked, or runs in this process.
    async fn clock(&self) -> Result<Option<StoreTime>> {
        Ok(None)
    }

    /// Whether every change of an asset is kept as an event, in the same atomic step, until it is acknowledged. An event
    /// outlives its asset and its room.
    fn keeps_events(&self) -> bool {
        false
    }

    /// Whether changes must be announced by [`Self::mark`], because the store could not list the rooms in which events wait
    /// otherwise.
    fn needs_marks(&self) -> bool {
        false
    }

    /// Announces changes of a room until [`MARK_MS`] from `now`.
    async fn mark(&self, _room: &RoomName, _now: Millis) -> Result<()> {
        Ok(())
    }

    /// Reads at most `limit` rooms after `after` in which events may wait, ordered by name.
    async fn waiting_rooms(&self, _after: Option<RoomName>, _limit: usize) -> Result<Vec<RoomName>> {
        Ok(Vec::new())
    }

    /// Hands out at most `limit` events of a room, and leases the room to the taker. Events of one asset are in the order of
    /// its changes and begin with the oldest that is not acknowledged. No asset waits for ever. Empty: no event waits, or
    /// the room is leased to another. The same taker gets the same events again, and newer ones.
    async fn take_events(
        &self,
        _room: &RoomName,
        _taker: Taker,
        _limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        Ok(Vec::new())
    }

    /// Moves events of a room to the histories of their assets at `now`, or deletes them if the store keeps none; those that
    /// are gone are no error. Ends the room's lease if all that were handed out under it are moved.
    async fn acknowledge(&self, _room: &RoomName, _events: &[EventId], _now: Millis) -> Result<()> {
        Ok(())
    }

    /// Whether events that were acknowledged are kept.
    fn keeps_history(&self) -> HistoryKept {
        HistoryKept::Off
    }

    /// Reads a page of the history of an asset, ordered by origin and revision: the events that wait, and those that were
    /// acknowledged and are not too old. It outlives the asset and its room. Empty: there are none, or the store keeps no
    /// history.
    async fn history(&self, _key: &AssetKey, _page: HistoryPage) -> Result<Vec<AssetEvent>> {
        Ok(Vec::new())
    }

    /// Checks that the store can do its work. It makes a real change outside of any room and leaves nothing
    /// visible. It costs as much as a change, so it is called only at the start and while the store fails.
    async fn ping(&self) -> Result<()>;

    /// The store's known status, without a request to it.
    ///
    /// # Errors
    /// Why the store answers no call at present, for example because its database file was replaced.
    fn status(&self) -> Result<()> {
        Ok(())
    }

    /// Resolves with the reason when the store can never work again in this process. For most stores it never
    /// resolves.
    async fn failed(&self) -> StoreError {
        std::future::pending().await
    }

    /// Closes the store. Resolves when every answered call is persisted and the files are complete. Called
    /// once, when no other call is in flight; later calls are refused as `Unavailable`.
    ///
    /// # Errors
    /// `Unavailable`: the store could not be closed cleanly.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// The limits in which stores differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum units of one asset; more are refused as `LimitReached`.
    pub units: Units,
    /// Whether a select can create an asset. A store that evicts data cannot allow it, because it could not
    /// tell a new asset from an evicted one and would grant its units twice.
    pub select_creates: bool,
}

impl Limits {
    /// No limits besides the range of [`Units`].
    pub const NONE: Self = Self { units: Units::MAX, select_creates: true };
}

/// The result of [`Store::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Whether this call created the asset; false if it existed already. A retry returns the same value.
    pub created: bool,
    /// The asset's current state.
    pub state: AssetState,
}

/// The result of [`Store::confirm`] and [`Store::extend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Whether this call changed the grant. A retry returns the same value.
    pub changed: bool,
    /// The player's grant. `None`: it ended because a deadline passed; if `changed`, after this call.
    pub grant: Option<Grant>,
    /// The asset after the call.
    pub state: AssetState,
}

/// The result of [`Store::select`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// One verdict per player, in the order of the request. A retry only looks the players up: then `SoldOut` means
    /// "does not hold it".
    pub verdicts: Vec<Verdict>,
    /// The asset after the select.
    pub state: AssetState,
}

/// The result of [`Store::select_now`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedNow {
    /// The verdict on the player, as in [`Selected`].
    pub verdict: Verdict,
    /// The asset after the select, without its holders.
    pub state: AssetState,
}

/// The store's answer for one player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The player got a unit in this step.
    Granted {
        /// The grant's revision.
        revision: u64,
        /// The grant's deadlines.
        lease: Lease,
    },
    /// The player held a unit before.
    AlreadyHeld {
        /// The grant's revision.
        revision: u64,
        /// The grant's deadline, in Unix milliseconds.
        until: Option<Millis>,
    },
    /// No unit was left.
    SoldOut,
    /// The asset is reserved for other players.
    Reserved {
        /// Milliseconds until it is not.
        retry_after: Millis,
    },
    /// The player's last grant ended too recently.
    Cooldown {
        /// Milliseconds until the player may get another.
        retry_after: Millis,
    },
}
