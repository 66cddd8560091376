use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{DisplayName, Millis, PlayerName};

/// The players in a room that are connected to one node. A heartbeat always contains all of them, never a
/// difference: heartbeats may be lost, late or duplicated, and the one with the highest number counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The node. Random, so a restarted node is another node.
    pub node: u64,
    /// Increases with every heartbeat of this node.
    pub number: u64,
    /// The players connected to the node.
    pub players: Players,
    /// The display names of the players that are sent by name and have one. Nodes that know no display names ignore the
    /// field, and heartbeats of such nodes do not have it.
    #[serde(default, skip_serializing_if = "GivenNames::is_empty")]
    pub names: GivenNames,
}

/// The display names given on one node.
pub type GivenNames = BTreeMap<PlayerName, GivenName>;

/// A display name and its time. Ordered by time first, because the newest holds; at equal times every node chooses the
/// same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GivenName {
    /// When it was given.
    pub at: Millis,
    /// The name.
    pub name: DisplayName,
}

/// Players by name, or their number if there are too many to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Players {
    /// All players by name.
    Names(BTreeSet<PlayerName>),
    /// Only the number of players.
    Count(u32),
}

static NO_NAMES: BTreeSet<PlayerName> = BTreeSet::new();

impl Players {
    /// No players.
    pub const NOBODY: Self = Self::Names(BTreeSet::new());

    /// The names, if they are sent.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<PlayerName> {
        match self {
            Self::Names(names) => names,
            Self::Count(_) => &NO_NAMES,
        }
    }

    /// The number of players whose names are not sent.
    #[must_use]
    pub fn unnamed(&self) -> usize {
        match self {
            Self::Names(_) => 0,
            Self::Count(count) => *count as usize,
        }
    }
}
