use crate::model::{AssetState, Units};

/// How far an asset had come at some time, to tell what can have happened since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Baseline {
    revision: u64,
    held: Units,
    /// Which record of it this is of; `None`: it was not known to be stored.
    origin: Option<u64>,
    /// How often all that was known of the room had been given up.
    generation: u64,
}

impl Baseline {
    /// Of an asset as it is known, if it is.
    pub(super) fn of(known: Option<&AssetState>, generation: u64) -> Self {
        let Some(known) = known else { return Self { generation, ..Self::default() } };
        Self { revision: known.revision, held: known.held, origin: Some(known.origin), generation }
    }

    /// Of what the store answered.
    pub(super) fn then(self, stored: &AssetState) -> Self {
        Self::of(Some(stored), self.generation)
    }

    pub(super) fn is_known(self) -> bool {
        self.origin.is_some()
    }

    pub(super) fn generation(self) -> u64 {
        self.generation
    }

    /// Whether the asset was made anew since, so that revisions say nothing.
    pub(super) fn is_of_another_record_than(self, stored: &AssetState) -> bool {
        self.origin.is_some_and(|origin| origin != stored.origin)
    }

    /// Whether it had come further than `revision`.
    pub(super) fn is_beyond(self, revision: u64) -> bool {
        self.revision > revision
    }

    /// Whether every change between this time and a later one was a grant: only then are there as many holders
    /// more as there are changes.
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
        let count = |revision, held| Baseline { revision, held, origin: Some(7), generation: 0 };
        assert!(count(3, 1).only_grants_until(count(3, 1)));
        assert!(count(3, 1).only_grants_until(count(5, 3)));
        assert!(!count(3, 1).only_grants_until(count(5, 1)), "granted and released");
        assert!(!count(3, 1).only_grants_until(count(4, 1)), "restocked");
        assert!(!count(3, 1).only_grants_until(count(4, 0)), "removed");
        assert!(!count(3, 1).only_grants_until(count(2, 0)), "the store went back");
        let anew = Baseline { origin: Some(8), ..count(5, 3) };
        assert!(!count(3, 1).only_grants_until(anew), "made anew");
        assert!(Baseline::default().only_grants_until(count(2, 2)), "made since");
    }

    #[test]
    fn what_was_not_known_is_beyond_nothing() {
        assert!(!Baseline::default().is_beyond(0));
        let known = Baseline { revision: 3, held: 1, ..Baseline::default() };
        assert!(known.is_beyond(2) && !known.is_beyond(3));
    }
}
