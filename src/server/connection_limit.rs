use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{caller::Excess, limits::AddressSlot};

/// The maximum of silent connections beyond the limit. One more evicts the oldest, so that a probe of a full node is
/// answered however many idle strangers are connected.
const SURPLUS: usize = 64;

/// The maximum of connections beyond the limit, silent or being served. Further ones are closed without a response.
const SURPLUS_IN_ALL: usize = 4 * SURPLUS;

/// The reason for a refusal beyond the limit.
pub(super) const FULL: &str = "this node has as many connections as it takes (--max-connections)";

/// Counts TCP connections against `--max-connections`.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    max: usize,
    open: TaskTracker,
    /// The surplus connections that have not sent a request yet, oldest first.
    silent: Mutex<VecDeque<Arc<Notify>>>,
}

/// One connection's slot, held from accept until its socket is closed.
#[derive(Debug)]
pub(super) struct Slot {
    _open: TaskTrackerToken,
    surplus: Option<Surplus>,
    /// The place among the connections of its address, if those are limited.
    address: Option<Arc<AddressSlot>>,
}

impl ConnectionLimit {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, open: TaskTracker::new(), silent: Mutex::default() })
    }

    /// Takes a slot. Beyond the limit it is a surplus slot; beyond [`SURPLUS_IN_ALL`] there is none. Only the accept
    /// loop takes slots, so none is taken between the count and the token.
    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let before = self.taken();
        if before >= self.max.saturating_add(SURPLUS_IN_ALL) {
            return None;
        }
        let surplus = (before >= self.max).then(|| self.surplus());
        Some(Slot { _open: self.open.token(), surplus, address: None })
    }

    fn surplus(self: &Arc<Self>) -> Surplus {
        let eviction = Arc::<Notify>::default();
        let mut silent = self.silent.lock();
        silent.push_back(Arc::clone(&eviction));
        if silent.len() > SURPLUS
            && let Some(oldest) = silent.pop_front()
        {
            oldest.notify_one();
        }
        Surplus { connections: Arc::clone(self), eviction }
    }

    pub(super) fn taken(&self) -> usize {
        self.open.len()
    }

    /// Ready when no slot is taken.
    pub(super) async fn empty(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

impl Slot {
    /// The handle of a connection beyond the limit; `None` if the connection is within the limit.
    pub(super) fn surplus(&self) -> Option<Surplus> {
        self.surplus.clone()
    }

    /// Keeps the connection's place among those of its address, too.
    pub(super) fn hold(&mut self, address: Option<Arc<AddressSlot>>) {
        if address.is_some() {
            self.address = address;
        }
    }

    /// The limit that the connection is beyond.
    pub(super) fn excess(&self) -> Option<Excess> {
        let of_address = self.address.as_ref().is_some_and(|address| address.is_excess());
        let of_node = self.surplus.is_some().then_some(Excess::Node);
        of_node.or(of_address.then_some(Excess::Address))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.surplus.iter().for_each(Surplus::heard);
    }
}

/// A connection beyond the limit: a WebSocket is closed with 4113, any other request gets 503.
#[derive(Debug, Clone)]
pub(super) struct Surplus {
    connections: Arc<ConnectionLimit>,
    eviction: Arc<Notify>,
}

impl Surplus {
    /// The connection sent a request, so it is no longer evicted.
    pub(super) fn heard(&self) {
        self.connections.silent.lock().retain(|silent| !Arc::ptr_eq(silent, &self.eviction));
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
}
