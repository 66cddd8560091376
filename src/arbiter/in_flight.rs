//! Counts the store calls in flight, so that the store is not closed before they end.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// How long [`InFlight::stop`] waits. This is short because the callers are disconnected already.
const LAST_CALLS: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct InFlight(TaskTracker);

impl InFlight {
    /// Begins a call, which is in flight until the token is dropped. `None` after [`stop`](Self::stop) was called.
    pub(super) fn begin(&self) -> Option<TaskTrackerToken> {
        // The token is taken first, so that `stop` waits for the call, or the call sees the tracker closed.
        let call = self.0.token();
        (!self.is_ending()).then_some(call)
    }

    pub(super) fn is_ending(&self) -> bool {
        self.0.is_closed()
    }

    /// Rejects new calls and waits for those in flight.
    pub(super) async fn stop(&self) {
        self.0.close();
        if timeout(LAST_CALLS, self.0.wait()).await.is_err() {
            tracing::warn!(calls = self.0.len(), "store calls are still under way: leaving them");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::{
        arbiter::{Arbiter, Config},
        bus::LocalBus,
        model::{ErrorCode, NewAsset},
        store::{
            MemoryStore, Store,
            faulty::{Faults, Faulty},
        },
    };

    #[tokio::test(start_paused = true)]
    async fn stop_waits_for_calls_in_flight_and_none_begins_afterwards() {
        let in_flight = Arc::<InFlight>::default();
        let call = in_flight.begin();
        let started = Instant::now();
        let stopping = Arc::clone(&in_flight);
        let stop = tokio::spawn(async move { stopping.stop().await });
        sleep(Duration::from_millis(300)).await;
        assert!(!stop.is_finished(), "a call is in flight");
        assert!(in_flight.begin().is_none());
        drop(call);
        stop.await.unwrap();
        assert!(started.elapsed() < LAST_CALLS);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_does_not_wait_for_ever() {
        let in_flight = InFlight::default();
        let _call = in_flight.begin();
        timeout(2 * LAST_CALLS, in_flight.stop()).await.expect("it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_arbiter_makes_no_store_call() {
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new(None)), 1, Faults::default()));
        let arbiter = Arbiter::start(Config::default(), store.clone() as Arc<dyn Store>, Arc::new(LocalBus), 1);
        arbiter.stop().await;
        let refusal =
            arbiter.create(&"r".parse().unwrap(), &"a".parse().unwrap(), NewAsset::plain(1)).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::StoreUnavailable);
        assert_eq!(store.calls().create, 0);
    }
}
