use std::{collections::HashMap, hash::Hash, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

/// Remembers keys for a limited time.
pub(super) struct Recent<K> {
    lasts: Duration,
    done: Mutex<HashMap<K, Instant>>,
}

/// Maximum number of entries, about 3 MB. Forgetting one too early does no harm.
const REMEMBERED: usize = 16_384;

impl<K: Eq + Hash> Recent<K> {
    /// Remembers each entry for this time.
    pub(super) fn for_time(lasts: Duration) -> Self {
        Self { lasts, done: Mutex::default() }
    }

    pub(super) fn has(&self, key: &K) -> bool {
        self.done.lock().get(key).is_some_and(|done| done.elapsed() < self.lasts)
    }

    pub(super) fn note(&self, key: K) {
        let mut done = self.done.lock();
        if done.len() >= REMEMBERED && !done.contains_key(&key) {
            done.retain(|_, done| done.elapsed() < self.lasts);
        }
        if done.len() >= REMEMBERED && !done.contains_key(&key) {
            done.clear();
        }
        done.insert(key, Instant::now());
    }

    #[cfg(feature = "mysql")]
    pub(super) fn forget(&self, key: &K) {
        self.done.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_lasts_for_a_while_and_has_a_bound() {
        let recent = Recent::for_time(Duration::from_secs(10));
        recent.note(0);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(recent.has(&0) && !recent.has(&1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!recent.has(&0));
        (0..3 * REMEMBERED).for_each(|number| recent.note(number));
        assert!(recent.done.lock().len() <= REMEMBERED && recent.has(&(3 * REMEMBERED - 1)));
    }
}
