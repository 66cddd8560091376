use crate::model::{AssetState, Units};

/// How far an asset had come at some time, to tell what can have happened since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    revision: u64,
    held: Units,
}

impl Count {
    pub(super) fn of(state: &AssetState) -> Self {
        Self { revision: state.revision, held: state.held }
    }

    /// Whether it had come further than `revision`.
    pub(super) fn is_beyond(self, revision: u64) -> bool {
        self.revision > revision
    }

    /// Whether every change between this time and a later one was a grant: only then are there as many holders
    /// more as there are changes.
    pub(super) fn only_grants_until(self, later: Self) -> bool {
        let changes = later.revision.checked_sub(self.revision);
        changes.is_some() && changes == later.held.checked_sub(self.held).map(u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_in_between_shows() {
        let count = |revision, held| Count { revision, held };
        assert!(count(3, 1).only_grants_until(count(3, 1)));
        assert!(count(3, 1).only_grants_until(count(5, 3)));
        assert!(!count(3, 1).only_grants_until(count(5, 1)), "granted and released");
        assert!(!count(3, 1).only_grants_until(count(4, 1)), "restocked");
        assert!(!count(3, 1).only_grants_until(count(4, 0)), "removed");
        assert!(!count(3, 1).only_grants_until(count(2, 0)), "the store went back");
    }

    #[test]
    fn what_was_not_known_is_beyond_nothing() {
        assert!(!Count::default().is_beyond(0));
        let known = Count { revision: 3, held: 1 };
        assert!(known.is_beyond(2) && !known.is_beyond(3));
    }
}
