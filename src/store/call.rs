use std::{fmt, ops::Deref};

use crate::model::{AssetName, By, Millis, RoomName};

/// Names an asset: its room, and its name in the room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetKey {
    /// The room.
    pub room: RoomName,
    /// The asset's name in the room.
    pub asset: AssetName,
}

impl AssetKey {
    /// The key of an asset of a room.
    #[must_use]
    pub fn new(room: &RoomName, asset: &AssetName) -> Self {
        Self { room: room.clone(), asset: asset.clone() }
    }
}

/// Identifies one changing call. A retry carries the same `Call`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The calling node.
    pub node: NodeId,
    /// Increases with every call of this node on this asset.
    pub seq: u64,
    /// The time of the change; becomes `granted_at`.
    pub at: Millis,
    /// Who makes it, if no player does. Only the event of the change has it.
    pub by: Option<By>,
}

impl Call {
    /// The [`AssetState::origin`](crate::model::AssetState::origin) of an asset that this call creates.
    pub(super) fn origin(self) -> u64 {
        origin(self.at, self.node.0.wrapping_add(self.seq))
    }
}

/// The origin of a record that is created at `at`. Later ones are higher, so that events of a record come before those of
/// the next one of the same name; `random` distinguishes those of one millisecond.
pub(super) fn origin(at: Millis, random: u64) -> u64 {
    const RANDOM_BITS: u32 = 20;
    at << RANDOM_BITS | random & ((1 << RANDOM_BITS) - 1)
}

/// Identifies a running server process. Random, so that no two processes share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The answer to a changing call, by whether this call or an earlier copy of it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied<T> {
    /// The call was executed now. The answer shows the asset right after it.
    Now(T),
    /// The call is a retry: its `seq` was not newer than the last of its node. Nothing was changed now, and other
    /// changes may have followed the first execution.
    Repeat(T),
}

impl<T> Applied<T> {
    /// An answer that is a repeat if `repeat`.
    pub fn new(answer: T, repeat: bool) -> Self {
        if repeat { Self::Repeat(answer) } else { Self::Now(answer) }
    }

    /// Whether the call was executed before.
    pub fn is_repeat(&self) -> bool {
        matches!(self, Self::Repeat(_))
    }

    /// The answer itself.
    pub fn into_inner(self) -> T {
        match self {
            Self::Now(answer) | Self::Repeat(answer) => answer,
        }
    }

    /// Changes the answer, not whether it is a repeat.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Applied<U> {
        match self {
            Self::Now(answer) => Applied::Now(change(answer)),
            Self::Repeat(answer) => Applied::Repeat(change(answer)),
        }
    }
}

impl<T> Deref for Applied<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Now(answer) | Self::Repeat(answer) => answer,
        }
    }
}
