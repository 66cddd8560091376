use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::PlayerName;

/// Which players are in a room by way of one node. Always all of them, never what changed: so whichever is lost, late or
/// repeated, the one with the highest number says how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The node: random, so that one that is started again is another.
    pub node: u64,
    /// Rises with every heartbeat of this node.
    pub number: u64,
    /// Those who are there.
    pub players: Players,
}

/// Players by name or, where there are too many to be told, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Players {
    /// Each of them.
    Names(BTreeSet<PlayerName>),
    /// So many.
    Count(u32),
}

static NO_NAMES: BTreeSet<PlayerName> = BTreeSet::new();

impl Players {
    /// Nobody, by name.
    pub const NOBODY: Self = Self::Names(BTreeSet::new());

    /// The names that are told.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<PlayerName> {
        match self {
            Self::Names(names) => names,
            Self::Count(_) => &NO_NAMES,
        }
    }

    /// How many there are whose names are not told.
    #[must_use]
    pub fn unnamed(&self) -> usize {
        match self {
            Self::Names(_) => 0,
            Self::Count(count) => *count as usize,
        }
    }
}
