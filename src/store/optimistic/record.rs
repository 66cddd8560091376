use std::collections::HashMap;

use super::last_calls::LastCalls;
use crate::model::{AssetName, AssetState, Grant, PlayerName, RevisionRow, Units, limits::HOLDERS_SHOWN};

/// The stored state of an asset without its holders. `remaining` is never negative, because only winners are
/// recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Counter {
    pub(in crate::store) units: Units,
    pub(in crate::store) remaining: Units,
    pub(in crate::store) held: Units,
    pub(in crate::store) revision: u64,
    /// Random, drawn when the record was created. Distinguishes it from an earlier record of the same name that
    /// was removed with its room.
    pub(in crate::store) origin: u64,
    /// The revision at which the current incarnation began. Creating a removed asset again begins a new
    /// incarnation; holders of earlier ones do not count.
    pub(in crate::store) creation: u64,
    pub(in crate::store) created_units: Units,
    pub(in crate::store) removed: bool,
}

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
}

impl Counter {
    fn new(units: Units, origin: u64) -> Self {
        Self {
            units,
            remaining: units,
            held: 0,
            revision: 0,
            origin,
            creation: 0,
            created_units: units,
            removed: false,
        }
    }

    /// Begins a new incarnation.
    pub(super) fn revive(&mut self, units: Units) {
        self.revision += 1;
        self.creation = self.revision;
        (self.units, self.remaining, self.created_units, self.removed) = (units, units, units, false);
    }

    /// Takes a unit and returns the revision of the grant; `None` if no unit is left.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.remaining = self.remaining.checked_sub(1)?;
        self.held += 1;
        self.revision += 1;
        Some(self.revision)
    }

    pub(super) fn give_back(&mut self) {
        self.remaining += 1;
        self.held -= 1;
        self.revision += 1;
    }

    pub(super) fn add(&mut self, n: Units) {
        self.units += n;
        self.remaining += n;
        self.revision += 1;
    }

    pub(super) fn remove(&mut self) {
        self.revision += 1;
        self.removed = true;
        (self.remaining, self.held) = (0, 0);
    }

    pub(in crate::store) fn row(&self, asset: &AssetName) -> RevisionRow {
        RevisionRow {
            asset: asset.clone(),
            revision: self.revision,
            remaining: self.remaining,
            held: self.held,
            removed: self.removed,
            origin: self.origin,
        }
    }

    /// The state to show, given the first holders.
    pub(in crate::store) fn state(&self, asset: &AssetName, first: &[Grant]) -> AssetState {
        let RevisionRow { asset, revision, remaining, held, removed, origin } = self.row(asset);
        let holders = first.iter().take(HOLDERS_SHOWN).cloned().collect();
        AssetState { asset, units: self.units, remaining, revision, held, holders, removed, origin }
    }
}
