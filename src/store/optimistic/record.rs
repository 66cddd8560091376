use std::collections::HashMap;

use crate::{
    model::{AssetEvent, AssetName, AssetState, Grant, Millis, NewAsset, PlayerName, limits::HOLDERS_SHOWN},
    store::{
        last_calls::LastCalls,
        rules::{Counter, Ending},
    },
};

/// An asset as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Record {
    pub(in crate::store) counter: Counter,
    /// The first [`FIRST`] holders by revision, and one more for each that is due in `ending`; or all if there are fewer.
    pub(in crate::store) first: Vec<Grant>,
    /// Grants, at least those of the requested players who hold the asset.
    pub(in crate::store) holding: HashMap<PlayerName, Grant>,
    /// The grants that end by the time of the call. Only read if [`Counter::may_end_by`] that time.
    pub(in crate::store) ending: Ending,
    /// The last calls that changed the asset.
    pub(in crate::store) changes: LastCalls,
}

/// The change that a decision makes to an asset, written in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Change {
    /// The counter as it was read; `None`: there was no asset.
    pub(in crate::store) before: Option<Counter>,
    pub(in crate::store) after: Counter,
    /// New holders, in the incarnation of `after`.
    pub(in crate::store) granted: Vec<Grant>,
    /// The deleted holders; none if the change ends the incarnation, because it deletes all.
    pub(in crate::store) struck: Vec<Grant>,
    /// Holders with other leases than before.
    pub(in crate::store) leased: Vec<Grant>,
    /// The events to keep, in order; none if the store keeps none.
    pub(in crate::store) events: Vec<AssetEvent>,
    /// The last calls, including this one.
    pub(in crate::store) changes: LastCalls,
    /// The time of the call.
    pub(in crate::store) at: Millis,
}

/// One more holder than is shown, so that enough remain when one is deleted.
pub(in crate::store) const FIRST: usize = HOLDERS_SHOWN + 1;

impl Change {
    /// Whether the change keeps the incarnation, so that the existing holders stay, except for a deleted one.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
    pub(in crate::store) fn goes_on(&self) -> bool {
        let (before, after) = (self.before.as_ref(), &self.after);
        !after.removed
            && before.is_some_and(|before| (before.origin, before.creation) == (after.origin, after.creation))
    }
}

impl Record {
    /// A new asset without holders.
    pub(super) fn new(new: &NewAsset, origin: u64, at: Millis) -> Self {
        let counter = Counter::new(new, origin, at);
        let (holding, ending) = (HashMap::new(), Ending::default());
        Self { counter, first: Vec::new(), holding, ending, changes: LastCalls::default() }
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
