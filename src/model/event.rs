use serde::{Deserialize, Serialize};

use super::{AssetName, AssetState, Millis, PlayerName, Units};

/// One change of one asset, as sent to members and other nodes. Events of an asset are applied in revision order, each
/// once, whatever their source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The asset.
    pub asset: AssetName,
    /// The record of the asset, as in [`AssetState`]. Revisions count within one record.
    pub origin: u64,
    /// The asset's revision after the change.
    pub revision: u64,
    /// The units left after the change, clamped at 0.
    pub remaining: Units,
    /// The change.
    pub change: Change,
}

impl Event {
    /// A change of the asset of `state` that left `remaining` units.
    #[must_use]
    pub fn of(state: &AssetState, revision: u64, remaining: Units, change: Change) -> Self {
        Self { asset: state.asset.clone(), origin: state.origin, revision, remaining, change }
    }
}

/// The kinds of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A player was granted a unit.
    Granted {
        /// The player.
        player: PlayerName,
        /// The asset's total units, so that a grant can announce a new asset.
        units: Units,
        /// The time of the grant.
        at: Millis,
    },
    /// A player released its unit.
    Released {
        /// The player.
        player: PlayerName,
    },
    /// The asset was created, restocked or reset.
    Changed {
        /// The asset's total units after the change.
        units: Units,
        /// True if the asset was created (again) or reset: none of its units is held.
        created: bool,
    },
    /// The asset was removed; no player holds it any more.
    Removed,
}
