use std::collections::HashMap;

use parking_lot::Mutex;

use crate::{
    model::Millis,
    store::optimistic::{Counter, Ending},
};

/// What was found when all holders of an asset were read and no grant was due: when the next one ends. The asset itself has
/// only a lower bound, which may have passed. Without this memory each denial would then read all holders again.
#[derive(Default)]
pub(super) struct NextEnds(Mutex<HashMap<Version, Option<Millis>>>);

/// Origin and revision of an asset.
type Version = (u64, u64);

/// Maximum number of entries, about 1 MB. Forgetting one too early costs a read.
const REMEMBERED: usize = 16_384;

impl NextEnds {
    /// When the next grant ends, if it is known that none is due at `now`.
    pub(super) fn none_due(&self, counter: &Counter, now: Millis) -> Option<Ending> {
        let next = *self.0.lock().get(&(counter.origin, counter.revision))?;
        next.is_none_or(|next| now < next).then(|| Ending { due: Vec::new(), next })
    }

    /// Remembers what was found of this version of an asset.
    pub(super) fn note(&self, counter: &Counter, found: &Ending) {
        if !found.due.is_empty() {
            return;
        }
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert((counter.origin, counter.revision), found.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, NewAsset};

    #[test]
    fn it_counts_for_one_version_until_the_next_end() {
        let (known, mut counter) = (NextEnds::default(), Counter::new(&NewAsset::plain(1), 7, 0));
        let found = Ending { due: Vec::new(), next: Some(100) };
        assert_eq!(known.none_due(&counter, 99), None);
        known.note(&counter, &found);
        assert_eq!(known.none_due(&counter, 99), Some(found));
        assert_eq!(known.none_due(&counter, 100), None);
        counter.revision += 1;
        assert_eq!(known.none_due(&counter, 99), None);
        let due = vec![Grant::plain("ann".parse().unwrap(), 1, 1)];
        known.note(&counter, &Ending { due, next: None });
        assert_eq!(known.none_due(&counter, 99), None, "one is due");
        known.note(&counter, &Ending::default());
        assert_eq!(known.none_due(&counter, Millis::MAX), Some(Ending::default()), "none ends any more");
    }

    #[test]
    fn it_has_a_bound() {
        let known = NextEnds::default();
        for origin in 0..3 * REMEMBERED as u64 {
            known.note(&Counter::new(&NewAsset::plain(1), origin, 0), &Ending::default());
        }
        assert!(known.0.lock().len() <= REMEMBERED);
    }
}
