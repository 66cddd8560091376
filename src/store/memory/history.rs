use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::{
    model::{AssetEvent, Millis},
    store::{AssetKey, HistoryLimits, HistoryPage},
};

/// How many events that are too old are deleted at least when some are added. Besides, twice as many as are added, so that
/// no more stay than are young enough.
const DELETED_AT_ONCE: usize = 16;

/// The events that were acknowledged, of all assets.
#[derive(Debug)]
pub(super) struct MemoryHistory {
    limits: HistoryLimits,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Only assets with events.
    assets: HashMap<AssetKey, BTreeMap<Place, AssetEvent>, RandomState>,
    /// The same events, the oldest first.
    by_time: BTreeSet<(Millis, AssetKey, Place)>,
}

/// Origin, revision and first revision of an event.
type Place = (u64, u64, u64);

impl MemoryHistory {
    pub(super) fn new(limits: HistoryLimits) -> Self {
        Self { limits, kept: Mutex::default() }
    }

    /// Adds events, and deletes some of those that are too old at `now`.
    pub(super) fn add(&self, events: Vec<(AssetKey, AssetEvent)>, now: Millis) {
        let (kept, most) = (&mut *self.kept.lock(), DELETED_AT_ONCE + 2 * events.len());
        for (key, event) in events {
            kept.add(key, event, self.limits.events);
        }
        kept.delete_old(self.limits.too_old(now), most);
    }

    pub(super) fn page(&self, key: &AssetKey, page: HistoryPage, waiting: Vec<AssetEvent>) -> Vec<AssetEvent> {
        let kept = self.kept.lock();
        let from = page.after.map_or((0, 0, 0), |(origin, revision)| (origin, revision, u64::MAX));
        let (too_old, found) = (self.limits.too_old(page.now), kept.assets.get(key));
        let found = found.into_iter().flat_map(|events| events.range(from..)).map(|(_, event)| event);
        let found = found.filter(|event| event.at > too_old).take(page.limit);
        page.of(found.cloned(), waiting, self.limits)
    }
}

impl Kept {
    fn add(&mut self, key: AssetKey, event: AssetEvent, most: usize) {
        let (place, at) = ((event.origin, event.revision, event.first), event.at);
        let events = self.assets.entry(key.clone()).or_default();
        events.insert(place, event);
        let surplus = (events.len() > most).then(|| events.pop_first()).flatten();
        self.by_time.insert((at, key.clone(), place));
        if let Some((place, event)) = surplus {
            self.by_time.remove(&(event.at, key, place));
        }
    }

    /// Deletes up to `most` events of `too_old` and before.
    fn delete_old(&mut self, too_old: Millis, most: usize) {
        for _ in 0..most {
            if self.by_time.first().is_none_or(|(at, ..)| *at > too_old) {
                return;
            }
            let Some((_, key, place)) = self.by_time.pop_first() else { return };
            let Some(events) = self.assets.get_mut(&key) else { continue };
            events.remove(&place);
            if events.is_empty() {
                self.assets.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn added(history: &MemoryHistory, asset: &str, (revision, at): (u64, Millis), now: Millis) {
        let key = AssetKey { room: "arena".parse().unwrap(), asset: asset.parse().unwrap() };
        let event = format!("{:016x}/{revision:016}/{revision}/granted/{at}/9/3////ann", 1);
        history.add(vec![(key, event.parse().unwrap())], now);
    }

    #[test]
    fn what_is_too_old_or_too_much_is_deleted() {
        let history = MemoryHistory::new(HistoryLimits { age: Duration::from_millis(100), events: 5 });
        let counts = || {
            let kept = history.kept.lock();
            let events = kept.assets.values().map(BTreeMap::len).sum::<usize>();
            assert_eq!(events, kept.by_time.len());
            (kept.assets.len(), events)
        };
        for revision in 0..8 {
            added(&history, "sword", (revision, revision), revision);
        }
        added(&history, "sword", (7, 7), 8);
        assert_eq!(counts(), (1, 5), "the newest, each once");
        added(&history, "axe", (0, 50), 104);
        assert_eq!(counts(), (2, 4), "those of 5 to 7, and the new one");
        added(&history, "axe", (1, 120), 150);
        assert_eq!(counts(), (1, 1), "also those of assets that had none since");
    }
}
