use std::time::Duration;

use async_trait::async_trait;

use super::{change::Change, record::Record};
use crate::{
    model::{AssetName, AssetState, Grant, Millis, PlayerName, RevisionRow, RoomName, Units},
    store::Result,
};

/// RecordStore of assets that are read and then written on the condition that they are as they were read.
///
/// # Errors
/// A read that fails is `Unavailable`. So is a write that surely did nothing; any other that fails is
/// `OutcomeUnknown`.
#[async_trait]
pub(in crate::store) trait RecordStore: Send + Sync + 'static {
    /// The store's name in errors.
    const NAME: &'static str;
    /// Units that one asset can have at most.
    const MOST_UNITS: Units = Units::MAX;
    /// Grants that one write can record at most.
    const MOST_GRANTS: usize = usize::MAX;
    /// Whether it knows that an asset was never made; else a select makes none.
    const SELECT_CREATES: bool = true;

    /// After how long a room that nobody uses may go.
    fn room_ttl(&self) -> Option<Duration>;

    /// What a write needs of the read before it, such as an open transaction; dropped, it writes nothing.
    type Seen: Send;

    /// Reads an asset, and which of the distinct `players` hold it, all as of one moment after the read began: a
    /// denial is answered from it. As durable as a write.
    async fn read(
        &self,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
    ) -> Result<(Option<Record>, Self::Seen)>;

    /// Writes a change if the asset is as it was `seen`: none there if `change.before` is `None`, else still of
    /// that origin and revision. `false`: it is another by now, and nothing was written. All of it is written
    /// or nothing; a write that arrives late or twice finds another revision.
    async fn write(&self, room: &RoomName, asset: &AssetName, seen: Self::Seen, change: Change)
    -> Result<bool>;

    /// As in [`Store`]; `None` where there is none.
    async fn asset(&self, room: &RoomName, asset: &AssetName) -> Result<Option<AssetState>>;

    /// As in [`Store`].
    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>>;

    /// As in [`Store`].
    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>>;

    /// As in [`Store`]; `None` where there is none or it is removed.
    async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after_revision: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<Grant>>>;

    /// As in [`Store`].
    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>>;

    /// As in [`Store`].
    async fn remove_room(&self, room: &RoomName) -> Result<()>;

    /// As in [`Store`].
    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()>;

    /// As in [`Store`].
    async fn ping(&self) -> Result<()>;
}
