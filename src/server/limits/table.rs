use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

/// Parts that are locked apart from each other.
const SHARDS: usize = 64;
/// How often a full shard is searched for entries to forget, so that a flood of new keys does not search it each time.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// Entries by key, in bounded memory. An entry that says nothing any more is forgotten.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    hasher: RandomState,
    /// Of one shard.
    most: usize,
}

#[derive(Debug)]
struct Shard<K, V> {
    entries: HashMap<K, V, RandomState>,
    swept: Option<Instant>,
}

/// An entry that may be forgotten.
pub(super) trait Idle {
    /// Whether the entry says nothing that a new one does not.
    fn is_idle(&self, now: Instant) -> bool;
}

impl<K: Eq + Hash, V: Idle> Table<K, V> {
    /// Keeps at most about `most` entries.
    pub(super) fn new(most: usize) -> Self {
        let shard = || Mutex::new(Shard { entries: HashMap::default(), swept: None });
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            hasher: RandomState::default(),
            most: most.div_ceil(SHARDS),
        }
    }

    /// Works on a key's entry, a new one if there is none. `None`: the table is full of entries that say something.
    pub(super) fn with<R>(
        &self,
        key: K,
        now: Instant,
        new: impl FnOnce(Instant) -> V,
        work: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(&key).lock();
        if let Some(entry) = shard.entries.get_mut(&key) {
            return Some(work(entry));
        }
        if shard.entries.len() >= self.most {
            let swept = shard.swept.is_some_and(|swept| now < swept + SWEEP_EVERY);
            if swept {
                return None;
            }
            shard.swept = Some(now);
            let _ = shard.sweep(now);
            if shard.entries.len() >= self.most {
                return None;
            }
        }
        Some(work(shard.entries.entry(key).or_insert_with(|| new(now))))
    }

    /// Works on a key's entry if there is one, and forgets the entry if it says nothing afterwards.
    pub(super) fn release(&self, key: K, now: Instant, work: impl FnOnce(&mut V)) {
        let mut shard = self.shard(&key).lock();
        if let Some(entry) = shard.entries.get_mut(&key) {
            work(entry);
            if entry.is_idle(now) {
                shard.entries.remove(&key);
            }
        }
    }

    /// Forgets the idle entries, one shard after the other. `pause` lets others run in between.
    pub(super) async fn sweep<F: Future<Output = ()>>(&self, pause: impl Fn() -> F) {
        for shard in &self.shards {
            if shard.lock().sweep(Instant::now()) {
                pause().await;
            }
        }
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().entries.len()).sum()
    }
}

impl<K: Eq + Hash, V: Idle> Shard<K, V> {
    /// Returns whether there was anything to look at.
    fn sweep(&mut self, now: Instant) -> bool {
        let before = self.entries.len();
        self.entries.retain(|_, entry| !entry.is_idle(now));
        if self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        before > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Idle from this time on.
    struct Until(Instant);

    impl Idle for Until {
        fn is_idle(&self, now: Instant) -> bool {
            self.0 <= now
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded_and_forgets_what_is_idle() {
        let table = Table::new(SHARDS * 10);
        let start = Instant::now();
        let busy = |_| Until(start + Duration::from_secs(1));
        let taken = (0..10_000).filter(|key| table.with(*key, Instant::now(), busy, |_| ()).is_some()).count();
        assert!((SHARDS * 5..=SHARDS * 10).contains(&taken) && table.len() == taken, "{taken}");
        tokio::time::advance(Duration::from_secs(1)).await;
        let busy = |_| Until(start + Duration::from_secs(9));
        assert!((0..10).all(|key| table.with(key + 20_000, Instant::now(), busy, |_| ()).is_some()));
        table.sweep(tokio::task::yield_now).await;
        assert_eq!(table.len(), 10);
        table.release(20_000, Instant::now(), |until| until.0 = start);
        table.release(30_000, Instant::now(), |_| panic!("there is none"));
        assert_eq!(table.len(), 9);
    }
}
