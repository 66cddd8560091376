use crate::model::{
    AssetName, AssetState, Grant, Millis, NewAsset, RevisionRow, Terms, Units, limits::HOLDERS_SHOWN,
};

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
    /// incarnation, and so does a reset; holders of earlier ones do not count.
    pub(in crate::store) creation: u64,
    pub(in crate::store) created_units: Units,
    pub(in crate::store) removed: bool,
    /// `None`: no grant has a deadline.
    pub(in crate::store) terms: Option<Box<Terms>>,
}

impl Counter {
    /// The counter of an asset that is created at `at`.
    pub(in crate::store) fn new(new: &NewAsset, origin: u64, at: Millis) -> Self {
        let units = new.units;
        Self {
            units,
            remaining: units,
            held: 0,
            revision: 0,
            origin,
            creation: 0,
            created_units: units,
            removed: false,
            terms: Terms::of_new(&new.options, at),
        }
    }

    /// Whether the asset was created like this.
    pub(super) fn is_created_as(&self, new: &NewAsset) -> bool {
        let options = self.terms.as_ref().map(|terms| &terms.options);
        self.created_units == new.units
            && options.map_or_else(|| new.options.is_none(), |known| *known == new.options)
    }

    /// Creates a removed asset again.
    pub(super) fn revive(&mut self, new: &NewAsset, at: Millis) {
        self.terms = Terms::of_new(&new.options, at);
        self.begin_incarnation(new.units);
    }

    /// Begins a new incarnation, with the units of the creation.
    pub(super) fn reset(&mut self, now: Millis) {
        self.held = 0;
        if let Some(terms) = &mut self.terms {
            terms.begin_again(now);
        }
        self.begin_incarnation(self.created_units);
    }

    fn begin_incarnation(&mut self, units: Units) {
        self.revision += 1;
        self.creation = self.revision;
        (self.units, self.remaining, self.created_units, self.removed) = (units, units, units, false);
    }

    /// Takes one of the remaining units and returns the revision of the grant.
    pub(super) fn take(&mut self) -> u64 {
        self.remaining -= 1;
        self.held += 1;
        self.next_revision()
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
        (self.remaining, self.held, self.terms) = (0, 0, None);
    }

    pub(super) fn next_revision(&mut self) -> u64 {
        self.revision += 1;
        self.revision
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
    pub(in crate::store) fn state(&self, asset: &AssetName, first: Vec<Grant>) -> AssetState {
        let RevisionRow { asset, revision, remaining, held, removed, origin } = self.row(asset);
        debug_assert!(first.len() <= HOLDERS_SHOWN);
        let (units, terms) = (self.units, self.terms.clone());
        AssetState { asset, units, remaining, revision, held, holders: first, terms, removed, origin }
    }
}
