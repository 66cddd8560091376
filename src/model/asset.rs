use serde::{Deserialize, Serialize};

use super::{AssetName, PlayerName};

/// Unix time in milliseconds.
pub type Millis = u64;

/// A number of units of an asset.
pub type Units = u32;

/// An asset as the store knows it and as the wire shows it: `{"asset","units","remaining","revision","held","holders"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetState {
    /// Its name.
    pub asset: AssetName,
    /// How many units there are in all; restocking raises it.
    pub units: Units,
    /// How many are left, never shown below 0.
    pub remaining: Units,
    /// 0 at creation, +1 with every grant, release, restock and removal.
    pub revision: u64,
    /// How many players hold a unit.
    pub held: Units,
    /// The first [`HOLDERS_SHOWN`](super::limits::HOLDERS_SHOWN) of them, by revision.
    pub holders: Vec<Grant>,
    /// The tombstone of a removed asset; it keeps the revision and is never shown.
    #[serde(skip)]
    pub removed: bool,
    /// Names this record of the asset. One of the same name that is made after its room was removed has another; their
    /// revisions have nothing to do with each other.
    #[serde(skip)]
    pub origin: u64,
}

/// A player's hold on one unit. On the wire only `player` and `at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who holds it.
    pub player: PlayerName,
    /// When it was granted.
    #[serde(rename = "at")]
    pub granted_at: Millis,
    /// The asset's revision at the grant; with the asset it is the grant's identity.
    #[serde(skip)]
    pub revision: u64,
}

/// An asset without its holders: what a resync compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// Its name.
    pub asset: AssetName,
    /// As in [`AssetState`].
    pub revision: u64,
    /// As in [`AssetState`].
    pub remaining: Units,
    /// As in [`AssetState`].
    pub held: Units,
    /// As in [`AssetState`].
    pub removed: bool,
    /// As in [`AssetState`].
    pub origin: u64,
}

impl From<&AssetState> for RevisionRow {
    fn from(state: &AssetState) -> Self {
        Self {
            asset: state.asset.clone(),
            revision: state.revision,
            remaining: state.remaining,
            held: state.held,
            removed: state.removed,
            origin: state.origin,
        }
    }
}
