use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::PlayerName;

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
