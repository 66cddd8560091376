use serde::{Deserialize, Serialize};

use super::{AssetName, AssetState, Millis, PlayerName, Units};

/// One change of one asset, as it is told to members and to other nodes. Events of an asset are applied in
/// revision order, each once, wherever they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Which asset.
    pub asset: AssetName,
    /// Which record of it, as in [`AssetState`]: revisions count within one.
    pub origin: u64,
    /// The asset's revision after the change.
    pub revision: u64,
    /// Units left after the change, clamped at 0.
    pub remaining: Units,
    /// What happened.
    pub change: Change,
}

impl Event {
    /// A change of the asset that `state` is of, which left so many units.
    #[must_use]
    pub fn of(state: &AssetState, revision: u64, remaining: Units, change: Change) -> Self {
        Self { asset: state.asset.clone(), origin: state.origin, revision, remaining, change }
    }
}

/// What happened to an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A player got a unit.
    Granted {
        /// Who.
        player: PlayerName,
        /// The asset's units, so that a grant can announce an asset.
        units: Units,
        /// When.
        at: Millis,
    },
    /// A player gave its unit back.
    Released {
        /// Who.
        player: PlayerName,
    },
    /// The asset was created or restocked.
    Changed {
        /// The asset's units after it.
        units: Units,
        /// Created (again): whoever held units of an earlier life holds nothing now.
        created: bool,
    },
    /// The asset was removed; its holders hold nothing now.
    Removed,
}
