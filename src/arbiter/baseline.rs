use super::registry::RoomHandle;
use crate::model::{AssetName, AssetState, Units};

/// The state of an asset that this node knew before a call, to interpret the store's answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Baseline {
    revision: u64,
    held: Units,
    /// Identifies the stored record; `None`: the asset was not known to be stored.
    origin: Option<u64>,
    /// How often the room's view had been discarded.
    generation: u64,
}

impl Baseline {
    /// The asset's baseline from the room's current view.
    pub(super) fn now(room: &RoomHandle, asset: &AssetName) -> Self {
        room.read(|state| Self::of(state.view.get(asset), state.generation))
    }

    fn of(known: Option<&AssetState>, generation: u64) -> Self {
        let Some(known) = known else { return Self { generation, ..Self::default() } };
        Self { revision: known.revision, held: known.held, origin: Some(known.origin), generation }
    }

    /// The baseline after the store's answer.
    pub(super) fn then(self, stored: &AssetState) -> Self {
        Self::of(Some(stored), self.generation)
    }

    pub(super) fn is_known(self) -> bool {
        self.origin.is_some()
    }

    pub(super) fn generation(self) -> u64 {
        self.generation
    }

    /// Whether the asset was re-created since, so that its revisions cannot be compared.
    pub(super) fn is_of_another_record_than(self, stored: &AssetState) -> bool {
        self.origin.is_some_and(|origin| origin != stored.origin)
    }

    /// Whether the known revision is newer than `revision`.
    pub(super) fn is_beyond(self, revision: u64) -> bool {
        self.revision > revision
    }

    /// Whether every change until `later` was a grant: only then the holders increased by the number of changes.
    pub(super) fn only_grants_until(self, later: Self) -> bool {
        let same = self.origin.is_none() || self.origin == later.origin;
        let changes = later.revision.checked_sub(self.revision).filter(|_| same);
        changes.is_some() && changes == later.held.checked_sub(self.held).map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_in_between_shows() {
        let baseline = |revision, held| Baseline { revision, held, origin: Some(7), generation: 0 };
        assert!(baseline(3, 1).only_grants_until(baseline(3, 1)));
        assert!(baseline(3, 1).only_grants_until(baseline(5, 3)));
        assert!(!baseline(3, 1).only_grants_until(baseline(5, 1)), "granted and released");
        assert!(!baseline(3, 1).only_grants_until(baseline(4, 1)), "restocked");
        assert!(!baseline(3, 1).only_grants_until(baseline(4, 0)), "removed");
        assert!(!baseline(3, 1).only_grants_until(baseline(2, 0)), "the store went back");
        let anew = Baseline { origin: Some(8), ..baseline(5, 3) };
        assert!(!baseline(3, 1).only_grants_until(anew), "made anew");
        assert!(Baseline::default().only_grants_until(baseline(2, 2)), "made since");
    }

    #[test]
    fn what_was_not_known_is_beyond_nothing() {
        assert!(!Baseline::default().is_beyond(0));
        let known = Baseline { revision: 3, held: 1, ..Baseline::default() };
        assert!(known.is_beyond(2) && !known.is_beyond(3));
    }
}
