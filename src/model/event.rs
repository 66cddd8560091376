use serde::{Deserialize, Serialize};

use super::{AssetName, AssetOptions, AssetState, EndReason, Lease, Millis, PlayerName, Units};

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

impl Change {
    /// The time of what does not happen.
    pub const NEVER: Millis = Millis::MAX;

    /// A grant that does not end by itself.
    #[must_use]
    pub fn granted(player: PlayerName, units: Units, at: Millis) -> Self {
        Self::leased(player, units, at, Lease::NONE)
    }

    /// A grant with deadlines, of an asset that is known.
    #[must_use]
    pub fn leased(player: PlayerName, units: Units, at: Millis, lease: Lease) -> Self {
        Self::Granted { player, units, at, lease, options: None }
    }

    /// A release by the player.
    #[must_use]
    pub fn released(player: PlayerName) -> Self {
        Self::Released { player, reason: EndReason::Released, next_end: None }
    }

    /// The creation or reset of an asset, with its units.
    #[must_use]
    pub fn created(state: &AssetState) -> Self {
        let options = state.terms.as_ref().map(|terms| terms.options.clone()).unwrap_or_default();
        Self::Changed { units: state.units, created: true, options }
    }

    /// A restock, with the units afterwards.
    #[must_use]
    pub fn restocked(units: Units) -> Self {
        Self::Changed { units, created: false, options: AssetOptions::NONE }
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
        /// The grant's deadlines.
        #[serde(skip_serializing_if = "Lease::is_none", default)]
        lease: Lease,
        /// The options of an asset that the grant announces.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        options: Option<Box<AssetOptions>>,
    },
    /// A player's grant ended.
    Released {
        /// The player.
        player: PlayerName,
        /// Why it ended.
        #[serde(default)]
        reason: EndReason,
        /// When the next grant ends; [`NEVER`](Self::NEVER): none does. `None`: unknown.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        next_end: Option<Millis>,
    },
    /// A player's hold was confirmed.
    Confirmed {
        /// The player.
        player: PlayerName,
        /// The time of the change.
        at: Millis,
        /// The grant's deadlines.
        lease: Lease,
    },
    /// A player's hold began anew.
    Extended {
        /// The player.
        player: PlayerName,
        /// The time of the change.
        at: Millis,
        /// The grant's deadlines.
        lease: Lease,
    },
    /// Players who are in the room keep their grants for longer, or leases changed in a way that is not known. Members
    /// are not told.
    Prolonged,
    /// The asset was created, restocked or reset. Its options come with a creation.
    Changed {
        /// The asset's total units after the change.
        units: Units,
        /// True if the asset was created (again) or reset: none of its units is held.
        created: bool,
        /// The asset's options.
        #[serde(skip_serializing_if = "AssetOptions::is_none", default)]
        options: AssetOptions,
    },
    /// The asset was removed; no player holds it any more.
    Removed,
}
