//! Counts the store calls in flight, so that the store is not closed under them.

use std::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};

/// How long [`InFlight::stop`] waits: the callers of these calls are disconnected already.
const LAST_CALLS: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
pub(super) struct InFlight {
    calls: AtomicUsize,
    ending: AtomicBool,
}

/// A store call that is in flight until this is dropped.
pub(super) struct Guard<'a>(&'a InFlight);

impl InFlight {
    /// `None` after [`stop`](Self::stop) was called.
    pub(super) fn begin(&self) -> Option<Guard<'_>> {
        // The count comes first, so that either `stop` sees the call, or the call sees `ending`.
        self.calls.fetch_add(1, SeqCst);
        let call = Guard(self);
        (!self.ending.load(SeqCst)).then_some(call)
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    /// Lets no call begin any more and waits for those in flight.
    pub(super) async fn stop(&self) {
        self.ending.store(true, SeqCst);
        let over = async {
            while self.calls.load(SeqCst) > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(LAST_CALLS, over).await.is_err() {
            let calls = self.calls.load(SeqCst);
            tracing::warn!(calls, "store calls are still under way: leaving them");
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::{
        arbiter::{Arbiter, Config},
        bus::LocalBus,
        model::ErrorCode,
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
        let refusal = arbiter.create(&"r".parse().unwrap(), &"a".parse().unwrap(), 1).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::StoreUnavailable);
        assert_eq!(store.calls().create, 0);
    }
}
