//! Where counters and holders live: the contract, the table of drivers, and `open(url)`.
//!
//! A driver is one file plus one line in [`DRIVERS`]; help texts, [`open`] and the conformance suite walk
//! that table.

#[cfg(feature = "mysql")]
mod crypto;
#[cfg(any(feature = "mongodb", feature = "momento"))]
mod document;
mod drivers;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod error;
pub mod faulty;
mod memory;
#[cfg(feature = "momento")]
mod momento;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
mod optimistic;
mod outcome;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use drivers::{DRIVERS, Driver, Options, SWITCHED_OFF, check, driver, open};
pub use error::{StoreError, StoreErrorCause, StoreErrorKind};
pub use memory::MemoryStore;

use crate::model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units};

/// A store call's result.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Counters and holders. Every changing call is ONE atomic step and carries a [`Call`], so that it may be
/// repeated by us, by a driver or by a network, and takes effect once.
///
/// A call that was answered is over: its repeat changes nothing and is refused if the call was, whatever
/// happened since. Only a call that found no asset, not even a removed one, leaves no trace (else strangers
/// could fill the store with names): a late copy of it finds what was made meanwhile, and is a new call.
///
/// # Errors
/// Every method may fail with [`StoreErrorKind::Unavailable`] (nothing happened) or
/// [`StoreErrorKind::OutcomeUnknown`] (it may have taken effect: repeat the same call); further kinds are
/// named at the method.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Whether other nodes may change what it holds, so that views must be compared with it.
    fn shared(&self) -> bool;

    /// What it can hold and do less than others.
    fn limits(&self) -> Limits;

    /// After how long a room that nobody uses may go; `None`: never. Whoever uses one says so with [`Self::keep`].
    fn room_ttl(&self) -> Option<Duration>;

    /// Creates an asset at revision 0, or again after its removal at the tombstone's revision + 1. The same
    /// units as at its creation: no change.
    ///
    /// # Errors
    /// `Conflict`: it exists with other units.
    async fn create(&self, call: Call, room: &RoomName, asset: &AssetName, units: Units) -> Result<Created>;

    /// Looks up which of the distinct `players` already hold the asset, decrements by the number of the
    /// others and records as holders those who got a result of at least 0, first come first served. With
    /// `create`, an asset that does not exist (and was not removed) is created with that many units in the
    /// same step.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Selected>;

    /// Strikes the holder and sets `remaining = max(remaining, 0) + 1`.
    ///
    /// # Errors
    /// `UnknownAsset`; `NotHeld`, also when repeated.
    async fn release(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> Result<Done>;

    /// `units += n; remaining = max(remaining, 0) + n`, if the asset's revision is `condition` or there is none.
    ///
    /// # Errors
    /// `UnknownAsset`; `Conflict`: another revision; `LimitReached`: more units than a number can say.
    async fn restock(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<Done>;

    /// Removes an asset: revision + 1, holders gone, the record stays as a tombstone.
    ///
    /// # Errors
    /// `UnknownAsset`, also when it is removed already by another call.
    async fn remove_asset(&self, call: Call, room: &RoomName, asset: &AssetName) -> Result<Done>;

    /// Removes everything of a room, tombstones too; a room that has nothing is no error.
    async fn remove_room(&self, room: &RoomName) -> Result<()>;

    /// One asset, also a tombstone.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<AssetState>;

    /// Every asset of a room, tombstones too, with the first
    /// [`HOLDERS_SHOWN`](crate::model::limits::HOLDERS_SHOWN) holders of each, in the order of names.
    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>>;

    /// Every asset of a room, tombstones too, without holders: cheap, for resync.
    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>>;

    /// The holders whose grant is newer than `after_revision` (`None`: all), by revision, at most `limit`.
    ///
    /// # Errors
    /// `UnknownAsset`.
    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>>;

    /// The assets a player holds in a room, each with the revision of its grant.
    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>>;

    /// Says that a room is in use at `now`, so that it does not go.
    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()>;

    /// Answers when the store can do its work: makes a change as others are made, where no room lies, and leaves nothing
    /// of it that anybody would see. For the start and while something is wrong, as it costs what a change costs.
    async fn ping(&self) -> Result<()>;

    /// What is known of the store without asking it.
    ///
    /// # Errors
    /// Why it serves nobody at present, such as a database file that was replaced under it.
    fn status(&self) -> Result<()> {
        Ok(())
    }

    /// Ready when the store can never work again in this process, with the reason. Most stores always may.
    async fn failed(&self) -> StoreError {
        std::future::pending().await
    }

    /// Ends the store: ready when everything answered lies where it survives the process, as files that are whole.
    /// Called once, when no other call is under way; calls after it are refused as `Unavailable`.
    ///
    /// # Errors
    /// `Unavailable`: it could not be ended cleanly.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Where stores differ in what they can hold and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Units that one asset can have at most; more are refused as `LimitReached`.
    pub units: Units,
    /// Whether a select can create an asset. A store that forgets by itself cannot: it would not know a new asset from
    /// one it forgot, and award that again.
    pub select_creates: bool,
}

impl Limits {
    /// As much as numbers can say.
    pub const NONE: Self = Self { units: Units::MAX, select_creates: true };
}

/// Names one changing call. A repeat of the call repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The node that calls.
    pub node: NodeId,
    /// Rises with every call of this node on this asset.
    pub seq: u64,
    /// The time of the change; becomes `granted_at`.
    pub at: Millis,
}

impl Call {
    /// The [`AssetState::origin`] of an asset that this call makes.
    fn origin(self) -> u64 {
        self.node.0.wrapping_add(self.seq)
    }
}

/// A running server process; random, so that no two ever share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What a create did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Whether this very call created it; false when it was so already. A repeat gets the same answer.
    pub created: bool,
    /// The asset as it is now.
    pub state: AssetState,
    /// As in [`Done`].
    pub repeated: bool,
}

/// What a release, restock or removal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The asset as it is now: right after the change, unless `repeated`.
    pub state: AssetState,
    /// The call took effect earlier, and other changes may have come since.
    pub repeated: bool,
}

/// What a select did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// One per player, in the order asked.
    pub verdicts: Vec<Verdict>,
    /// The asset after it.
    pub state: AssetState,
    /// The call's `seq` was not newer than the last: nothing was changed, players were only looked up, and
    /// `SoldOut` means no more than "does not hold it".
    pub repeated: bool,
}

/// The store's answer for one player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Got a unit in this step.
    Granted {
        /// The grant's revision.
        revision: u64,
    },
    /// Held one before.
    AlreadyHeld {
        /// The grant's revision.
        revision: u64,
    },
    /// No unit was left.
    SoldOut,
}
