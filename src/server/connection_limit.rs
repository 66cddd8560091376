use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// The maximum of silent connections beyond the limit. One more evicts the oldest, so that a probe of a full node is
/// answered however many idle strangers are connected.
const SURPLUS: usize = 64;

/// The maximum of connections beyond the limit, silent or being served. Further ones are closed without a response.
const SURPLUS_IN_ALL: usize = 4 * SURPLUS;

/// Counts TCP connections against `--max-connections`.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    max: usize,
    taken: AtomicUsize,
    /// The surplus connections that have not sent a request yet, oldest first.
    silent: Mutex<VecDeque<Arc<Notify>>>,
    emptied: Notify,
}

/// One connection's slot, held from accept until its socket is closed.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Arc<ConnectionLimit>,
    /// Set for a surplus connection; notified when the connection is evicted.
    eviction: Option<Arc<Notify>>,
}

impl ConnectionLimit {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: AtomicUsize::new(0), silent: Mutex::default(), emptied: Notify::new() })
    }

    /// Takes a slot. Beyond the limit it is a surplus slot; beyond [`SURPLUS_IN_ALL`] there is none.
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

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Ready when no slot is taken.
    pub(super) async fn empty(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            // Subscribe before reading the count, because the last slot may be released in between.
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
    /// The handle of a connection beyond the limit; `None` if the connection is within the limit.
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

/// A connection beyond the limit.
#[derive(Debug, Clone)]
pub(super) struct Surplus {
    connections: Arc<ConnectionLimit>,
    eviction: Arc<Notify>,
}

impl Surplus {
    /// The connection sent a request, so it is no longer evicted.
    pub(super) fn heard(&self) {
        self.connections.heard(&self.eviction);
    }

    /// Ready when the connection is evicted.
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
