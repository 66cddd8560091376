use std::collections::HashMap;

use super::last_calls::LastCalls;
use crate::{
    model::{AssetName, AssetState, Grant, PlayerName, Units, limits::HOLDERS_SHOWN},
    store::rules::Counter,
};

/// An asset as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Record {
    pub(in crate::store) counter: Counter,
    /// The first [`FIRST`] holders by revision, or all if there are fewer.
    pub(in crate::store) first: Vec<Grant>,
    /// The revisions of grants, at least for those requested players who hold the asset.
    pub(in crate::store) holding: HashMap<PlayerName, u64>,
    /// The last calls that changed the asset.
    pub(in crate::store) changes: LastCalls,
}

/// One more holder than is shown, so that enough remain when one is deleted.
pub(in crate::store) const FIRST: usize = HOLDERS_SHOWN + 1;

impl Record {
    /// A new asset without holders.
    pub(super) fn new(units: Units, origin: u64) -> Self {
        let counter = Counter::new(units, origin);
        Self { counter, first: Vec::new(), holding: HashMap::new(), changes: LastCalls::default() }
    }

    /// The state to show.
    #[cfg(any(feature = "dynamodb", feature = "mysql"))]
    pub(in crate::store) fn state(&self, asset: &AssetName) -> AssetState {
        shown(&self.counter, asset, &self.first)
    }
}

/// The state to show, given the first holders or more.
pub(in crate::store) fn shown(counter: &Counter, asset: &AssetName, first: &[Grant]) -> AssetState {
    counter.state(asset, first.iter().take(HOLDERS_SHOWN).cloned().collect())
}
