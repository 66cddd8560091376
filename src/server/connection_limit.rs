use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Connections beyond the bound that may be silent at one time. One more has the oldest of them give way, so that
/// a probe of a full node is answered however many strangers just sit there.
const SURPLUS: usize = 64;

/// Connections beyond the bound that are still told so, at one time: the silent ones, and those that are being answered
/// or are ending. More are closed without a word.
const SURPLUS_IN_ALL: usize = 4 * SURPLUS;

/// Counts TCP connections against `--max-connections`.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    max: usize,
    taken: AtomicUsize,
    /// The surplus connections that have not asked for anything yet, the oldest first.
    silent: Mutex<VecDeque<Arc<Notify>>>,
    emptied: Notify,
}

/// One connection's place, from accept until its socket is closed.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Arc<ConnectionLimit>,
    /// Of a surplus connection: told when it has to give way.
    eviction: Option<Arc<Notify>>,
}

impl ConnectionLimit {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: AtomicUsize::new(0), silent: Mutex::default(), emptied: Notify::new() })
    }

    /// A slot; a surplus one when it is beyond the bound; `None` when it is far beyond.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let before = self.taken.fetch_add(1, Ordering::AcqRel);
        let eviction = (before >= self.max).then(Arc::default);
        let slot = Slot { connections: Arc::clone(self), eviction };
        if before >= self.max.saturating_add(SURPLUS_IN_ALL) {
            return None;
        }
        if let Some(eviction) = &slot.eviction {
            let mut silent = self.silent.lock();
            silent.push_back(Arc::clone(eviction));
            if silent.len() > SURPLUS
                && let Some(oldest) = silent.pop_front()
            {
                oldest.notify_one();
            }
        }
        Some(slot)
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Ready when none is taken.
    pub(super) async fn empty(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            // Listen before looking, or the last one could leave in between.
            emptied.as_mut().enable();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }

    fn heard(&self, eviction: &Arc<Notify>) {
        self.silent.lock().retain(|silent| !Arc::ptr_eq(silent, eviction));
    }
}

impl Slot {
    /// What a connection beyond the bound is told by when it has to give way; `None`: it is within the bound.
    pub(super) fn surplus(&self) -> Option<Surplus> {
        let eviction = self.eviction.clone()?;
        Some(Surplus { connections: Arc::clone(&self.connections), eviction })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(eviction) = &self.eviction {
            self.connections.heard(eviction);
        }
        if self.connections.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.connections.emptied.notify_waiters();
        }
    }
}

/// A connection beyond the bound.
#[derive(Debug, Clone)]
pub(super) struct Surplus {
    connections: Arc<ConnectionLimit>,
    eviction: Arc<Notify>,
}

impl Surplus {
    /// It asked for something: from now on it need not give way.
    pub(super) fn heard(&self) {
        self.connections.heard(&self.eviction);
    }

    /// Ready when it has to give way.
    pub(super) async fn evicted(&self) {
        self.eviction.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_is_surplus_and_far_beyond_is_nothing() {
        let connections = ConnectionLimit::new(2);
        let mut taken: Vec<_> = (0..2 + SURPLUS_IN_ALL).map(|_| connections.take().unwrap()).collect();
        assert_eq!(taken.iter().filter(|slot| slot.surplus().is_none()).count(), 2);
        assert!(connections.take().is_none());
        assert_eq!(connections.taken(), 2 + SURPLUS_IN_ALL, "a refused one leaves no trace");
        taken.clear();
        assert!(connections.take().unwrap().surplus().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_silent_surplus_connection_gives_way() {
        let connections = ConnectionLimit::new(0);
        let taken: Vec<_> = (0..SURPLUS).map(|_| connections.take().unwrap()).collect();
        let surplus: Vec<_> = taken.iter().map(|slot| slot.surplus().unwrap()).collect();
        surplus[0].heard();
        let mut evicted: Vec<_> = surplus.iter().map(|one| Box::pin(one.evicted())).collect();
        let _more = [connections.take().unwrap(), connections.take().unwrap()];
        let mut gave_way = Vec::new();
        for evicted in &mut evicted {
            gave_way.push(futures::poll!(evicted.as_mut()).is_ready());
        }
        assert_eq!(gave_way.iter().position(|gave_way| *gave_way), Some(1));
        assert_eq!(gave_way.iter().filter(|gave_way| **gave_way).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn empty_waits_for_the_last() {
        let connections = ConnectionLimit::new(2);
        let (one, two) = (connections.take(), connections.take());
        let mut empty = std::pin::pin!(connections.empty());
        drop(one);
        assert!(futures::poll!(empty.as_mut()).is_pending());
        drop(two);
        assert!(futures::poll!(empty.as_mut()).is_ready());
    }
}
