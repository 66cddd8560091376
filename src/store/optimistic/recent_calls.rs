use std::{collections::HashMap, mem};

use parking_lot::Mutex;

use crate::store::{AssetKey, Call, NodeId, rules::Outcome};

/// Minimum number of calls remembered, over all assets. A call is forgotten only after more other calls than
/// happen within any caller's deadline. About 10 MB.
const REMEMBERED: usize = 32_768;

/// Remembers this process's last call on each asset. A call that changed the asset is stored with the change. A
/// call that changed nothing is remembered only in memory, without a write, because only this process can
/// retry it. The network can only duplicate a write, which then finds another revision.
#[derive(Debug, Default)]
pub(super) struct RecentCalls {
    generations: Mutex<Generations>,
}

type Key = (AssetKey, NodeId);

/// Two generations, so that the older half can be dropped at once.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
}

/// The last call of a node on an asset.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    seq: u64,
    /// The outcome, if the call changed nothing, and the revision on which that was decided.
    over: Option<(Outcome, u64)>,
    /// The newest revision on which a write of this call may be in flight.
    tried: Option<u64>,
}

impl RecentCalls {
    /// The `seq` and outcome of the node's last call, if that call changed nothing.
    pub(super) fn last(&self, call: Call, key: &AssetKey) -> Option<(u64, Outcome)> {
        let entry = self.generations.lock().find(&(key.clone(), call.node))?;
        let (outcome, _) = entry.over?;
        Some((entry.seq, outcome))
    }

    /// Whether revision `read` is new enough to look up what came of the call, which may have been executed concurrently.
    pub(super) fn is_recent(&self, call: Call, key: &AssetKey, read: u64) -> bool {
        let entry = self.generations.lock().find(&(key.clone(), call.node));
        let over = entry.filter(|entry| entry.seq == call.seq).and_then(|entry| entry.over);
        over.is_none_or(|(_, decided)| decided <= read)
    }

    /// Remembers that the call changed nothing, based on revision `read`. Returns false if it was not remembered,
    /// because the same call was executed concurrently and read a newer revision: decide again.
    pub(super) fn deny(&self, call: Call, key: &AssetKey, read: u64, outcome: Outcome) -> bool {
        self.generations.lock().with((key.clone(), call.node), |entry| {
            if entry.begin(call) && entry.tried.is_some_and(|tried| tried > read) {
                return false;
            }
            if entry.seq == call.seq {
                entry.over.get_or_insert((outcome, read));
            }
            true
        })
    }

    /// Checks whether the call may change the asset, based on revision `read`. It may not if it has been
    /// answered, or if its node made a later call.
    pub(super) fn may_write(&self, call: Call, key: &AssetKey, read: u64) -> bool {
        self.generations.lock().with((key.clone(), call.node), |entry| {
            if !entry.begin(call) || entry.over.is_some() {
                return false;
            }
            entry.tried = entry.tried.max(Some(read));
            true
        })
    }
}

impl Generations {
    fn find(&self, key: &Key) -> Option<Entry> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn with<T>(&mut self, key: Key, change: impl FnOnce(&mut Entry) -> T) -> T {
        if self.young.len() >= REMEMBERED && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        let known = self.old.get(&key).copied().unwrap_or_default();
        change(self.young.entry(key).or_insert(known))
    }
}

impl Entry {
    /// Claims the entry for this call. Returns false if it belongs to a later call.
    fn begin(&mut self, call: Call) -> bool {
        if self.seq < call.seq {
            *self = Self { seq: call.seq, ..Self::default() };
        }
        self.seq == call.seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    const NOT_HELD: Outcome = Outcome::Refused(StoreErrorKind::NotHeld);

    fn call(seq: u64) -> Call {
        Call { node: NodeId(7), seq, at: 0, by: None }
    }

    fn calls_on_an_asset() -> (RecentCalls, AssetKey) {
        let key = AssetKey { room: "lobby".parse().unwrap(), asset: "sword".parse().unwrap() };
        (RecentCalls::default(), key)
    }

    #[test]
    fn what_was_denied_is_not_written_later() {
        let (recent_calls, key) = calls_on_an_asset();
        assert_eq!(recent_calls.last(call(1), &key), None);
        assert!(recent_calls.deny(call(1), &key, 3, NOT_HELD));
        assert_eq!(recent_calls.last(call(1), &key), Some((1, NOT_HELD)));
        assert!(!recent_calls.may_write(call(1), &key, 4));
        assert!(recent_calls.may_write(call(2), &key, 4));
        assert!(!recent_calls.may_write(call(1), &key, 5), "a later one was made");
        assert_eq!(recent_calls.last(call(2), &key), None, "it is not over");
    }

    #[test]
    fn what_may_be_written_is_denied_only_by_who_saw_as_much() {
        let (recent_calls, key) = calls_on_an_asset();
        assert!(recent_calls.may_write(call(1), &key, 4));
        assert!(!recent_calls.deny(call(1), &key, 3, NOT_HELD));
        assert_eq!(recent_calls.last(call(1), &key), None);
        assert!(recent_calls.deny(call(1), &key, 4, NOT_HELD));
    }

    #[test]
    fn what_came_of_a_call_does_not_show_in_what_was_read_before() {
        let (recent_calls, key) = calls_on_an_asset();
        assert!(recent_calls.is_recent(call(1), &key, 0), "it is under way");
        assert!(recent_calls.deny(call(1), &key, 6, NOT_HELD));
        assert!(!recent_calls.is_recent(call(1), &key, 5));
        assert!(recent_calls.is_recent(call(1), &key, 6) && recent_calls.is_recent(call(1), &key, 7));
        assert!(recent_calls.is_recent(call(2), &key, 0), "it is another call");
    }

    #[test]
    fn it_has_a_bound() {
        let (recent_calls, key) = calls_on_an_asset();
        let of = |node: usize| Call { node: NodeId(node as u64), ..call(1) };
        for node in 0..3 * REMEMBERED {
            assert!(recent_calls.deny(of(node), &key, 0, NOT_HELD));
        }
        let generations = recent_calls.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * REMEMBERED);
        drop(generations);
        assert_eq!(recent_calls.last(of(0), &key), None);
        assert!(recent_calls.last(of(2 * REMEMBERED), &key).is_some());
    }
}
