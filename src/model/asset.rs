use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AssetName, AssetOptions, Lease, PlayerName, Terms, limits::HOLDERS_SHOWN};

/// Unix time in milliseconds.
pub type Millis = u64;

/// A number of units of an asset.
pub type Units = u32;

/// An asset in the store and in the protocol: `{"asset","units","remaining","revision","held","holders"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "An asset with its first holders.")]
pub struct AssetState {
    /// The asset's name.
    pub asset: AssetName,
    /// The total number of units. A restock raises it.
    pub units: Units,
    /// The number of units left, never shown below 0.
    pub remaining: Units,
    /// 0 at creation, +1 with every grant, release, restock, reset and removal.
    pub revision: u64,
    /// The number of players that hold a unit.
    pub held: Units,
    /// The first [`HOLDERS_SHOWN`] holders, by revision.
    #[schemars(description = "The first holders, by revision.", extend("maxItems" = HOLDERS_SHOWN))]
    pub holders: Vec<Grant>,
    /// The deadlines of its grants; absent if they have none.
    #[serde(rename = "options", with = "options", skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "AssetOptions")]
    pub terms: Option<Box<Terms>>,
    /// True for the tombstone of a removed asset, which keeps the revision and is never shown.
    #[serde(skip)]
    pub removed: bool,
    /// Identifies this record of the asset. An asset of the same name that is created after its room was removed has
    /// another origin, and their revisions are unrelated.
    #[serde(skip)]
    pub origin: u64,
}

/// A player's hold on one unit. The protocol shows only `player`, `at` and `until`: a state is encoded once and read later,
/// so that a time relative to now would be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "A player's hold on one unit.")]
pub struct Grant {
    /// The holder.
    pub player: PlayerName,
    /// The time of the grant, in Unix milliseconds.
    #[serde(rename = "at")]
    pub granted_at: Millis,
    /// The asset's revision at the grant. Asset and revision identify the grant.
    #[serde(skip)]
    pub revision: u64,
    /// The grant's deadlines. `until`: when it ends by itself, in Unix milliseconds.
    #[serde(rename = "until", with = "until", skip_serializing_if = "Lease::is_not_shown", default)]
    #[schemars(with = "Option<Millis>")]
    pub lease: Lease,
}

impl Grant {
    /// A grant that does not end by itself.
    #[must_use]
    pub fn plain(player: PlayerName, granted_at: Millis, revision: u64) -> Self {
        Self::leased(player, granted_at, revision, Lease::NONE)
    }

    /// A grant with deadlines.
    #[must_use]
    pub fn leased(player: PlayerName, granted_at: Millis, revision: u64, lease: Lease) -> Self {
        Self { player, granted_at, revision, lease }
    }
}

/// An asset without its holders, as a resync compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// The asset's name.
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

/// Of the terms of an asset the protocol shows the options.
mod options {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{AssetOptions, Terms};

    pub(super) fn serialize<S: Serializer>(
        terms: &Option<Box<Terms>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        terms.as_ref().map(|terms| &terms.options).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Box<Terms>>, D::Error> {
        AssetOptions::deserialize(deserializer).map(|options| Terms::of_new(&options, 0))
    }
}

/// Of a lease the protocol shows the deadline.
mod until {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Lease;

    pub(super) fn serialize<S: Serializer>(lease: &Lease, serializer: S) -> Result<S::Ok, S::Error> {
        lease.until.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Lease, D::Error> {
        Ok(Lease { until: Option::deserialize(deserializer)?, ..Lease::NONE })
    }
}
