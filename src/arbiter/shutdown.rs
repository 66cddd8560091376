//! The end: no store call begins any more, and those under way are waited for.

use std::{
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use tokio::time::{sleep, timeout};

use super::Arbiter;

/// How long calls under way are waited for: whoever waited for their answers has gone.
const LAST_CALLS: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The store calls that are under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    under_way: AtomicUsize,
    ending: AtomicBool,
}

/// A store call that is under way until this is dropped.
pub(super) struct UnderWay<'a>(&'a Calls);

impl Calls {
    /// `None` when none begins any more.
    pub(super) fn begin(&self) -> Option<UnderWay<'_>> {
        // In this order, so that the end sees the call or the call the end.
        self.under_way.fetch_add(1, SeqCst);
        let call = UnderWay(self);
        (!self.ending.load(SeqCst)).then_some(call)
    }

    pub(super) fn ending(&self) -> bool {
        self.ending.load(Relaxed)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, SeqCst);
    }
}

impl Arbiter {
    /// Begins no store call any more and waits for those under way, for a second at most. After it the store may be
    /// closed.
    pub async fn stop(&self) {
        self.calls.ending.store(true, SeqCst);
        let over = async {
            while self.calls.under_way.load(SeqCst) > 0 {
                sleep(LOOK_EVERY).await;
            }
        };
        if timeout(LAST_CALLS, over).await.is_err() {
            let calls = self.calls.under_way.load(SeqCst);
            tracing::warn!(calls, "store calls are still under way: leaving them");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::{
        arbiter::Config,
        bus::LocalBus,
        model::ErrorCode,
        store::{
            MemoryStore, Store,
            faulty::{Faults, Faulty},
        },
    };

    #[tokio::test(start_paused = true)]
    async fn calls_under_way_are_waited_for_and_none_begins() {
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new(None)), 1, Faults::default()));
        let arbiter = Arbiter::start(Config::default(), store.clone() as Arc<dyn Store>, Arc::new(LocalBus), 1);
        let call = arbiter.calls.begin();
        let started = Instant::now();
        let (arbiter_, stopping) = (Arc::clone(&arbiter), async { sleep(Duration::from_millis(300)).await });
        let stop = tokio::spawn(async move { arbiter_.stop().await });
        stopping.await;
        assert!(!stop.is_finished(), "a call is under way");
        drop(call);
        stop.await.unwrap();
        assert!(started.elapsed() < LAST_CALLS);
        let refusal = arbiter.create(&"r".parse().unwrap(), &"a".parse().unwrap(), 1).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::StoreUnavailable);
        assert_eq!(store.calls().create, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_end_is_not_waited_for_for_ever() {
        let arbiter =
            Arbiter::start(Config::default(), Arc::new(MemoryStore::new(None)), Arc::new(LocalBus), 1);
        let _call = arbiter.calls.begin();
        timeout(2 * LAST_CALLS, arbiter.stop()).await.expect("it ends");
    }
}
