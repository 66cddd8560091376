//! Watches the tasks that the process needs: the process fails when one of them ends or panics.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use tokio::sync::watch;

/// Whether all needed tasks still run.
#[derive(Debug)]
pub struct Vital {
    failure: watch::Sender<Option<String>>,
}

impl Default for Vital {
    fn default() -> Self {
        Self { failure: watch::Sender::new(None) }
    }
}

impl Vital {
    /// Wraps `work`, which must not end. If it ends, the process fails with a reason that starts with `name`.
    pub fn guard<T, F: Future<Output = T>>(
        self: &Arc<Self>,
        name: &'static str,
        work: F,
    ) -> impl Future<Output = ()> + use<T, F> {
        let vital = Arc::clone(self);
        async move {
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(_) => vital.fail(format!("{name} ended")),
                Err(panic) => vital.fail(format!("{name} panicked: {}", message(&*panic))),
            }
        }
    }

    /// Marks the process as failed. The first reason is kept.
    pub fn fail(&self, why: String) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(why);
            first
        });
    }

    /// Why the process failed; `None`: it has not failed.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.borrow().clone()
    }

    /// Waits until the process has failed.
    pub async fn failed(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.failure.subscribe().wait_for(Option::is_some).await;
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::{sync::mpsc, time::timeout};

    use super::*;
    use crate::{
        arbiter::{Arbiter, Config},
        bus::{Bus, BusError, BusMessage, Incoming, LocalBus},
        model::{NewAsset, RoomName},
        store::MemoryStore,
    };

    /// A bus whose task has ended, or whose `unsubscribe` panics.
    struct Broken {
        ended: bool,
    }

    #[async_trait]
    impl Bus for Broken {
        fn reaches_other_nodes(&self) -> bool {
            true
        }

        fn publish(&self, _: &RoomName, _: &BusMessage) {}

        async fn subscribe(&self, _: &RoomName) -> Result<(), BusError> {
            Ok(())
        }

        fn unsubscribe(&self, room: &RoomName) {
            panic!("no {room}");
        }

        fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
            self.ended.then(|| mpsc::channel(1).1)
        }
    }

    fn arbiter(bus: impl Bus) -> Arc<Arbiter> {
        let config = Config { room_linger: Duration::ZERO, ..Config::default() };
        Arbiter::start(config, Arc::new(MemoryStore::new(None)), Arc::new(bus), 1)
    }

    async fn failure(arbiter: &Arbiter) -> String {
        timeout(Duration::from_secs(60), arbiter.vital().failed()).await.expect("it fails");
        arbiter.vital().failure().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_that_panics_is_a_failure() {
        let arbiter = arbiter(Broken { ended: false });
        let room = "r".parse().unwrap();
        arbiter.create(&room, &"a".parse().unwrap(), NewAsset::plain(1)).await.unwrap();
        assert_eq!(failure(&arbiter).await, "the arbiter's upkeep panicked: no r");
    }

    #[tokio::test(start_paused = true)]
    async fn a_bus_that_ended_is_a_failure() {
        let arbiter = arbiter(Broken { ended: true });
        assert_eq!(failure(&arbiter).await, "the arbiter's ear on the bus ended");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_reason_stays_and_without_one_nothing_fails() {
        let arbiter = arbiter(LocalBus);
        assert!(timeout(Duration::from_secs(10), arbiter.vital().failed()).await.is_err());
        arbiter.vital().fail("one".to_owned());
        arbiter.vital().fail("two".to_owned());
        assert_eq!(failure(&arbiter).await, "one");
    }
}
