//! Store calls are retried until the store answers or the deadline has passed.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::Poll,
    time::Duration,
};

use futures::poll;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;

use super::{
    in_flight::InFlight, meters::StoreCall, node::Node, readiness::Readiness, refusal::Refusal,
    registry::Registry,
};
use crate::{
    model::{Backoff, ErrorCode, RoomName},
    store::{self, StoreError, StoreErrorKind},
};

/// The shortest timeout of one attempt, because an attempt with less time would always fail.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(50);

/// Pauses between attempts double from the first to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How often a room is compared with the store after a change with an unknown outcome: once soon, and once more
/// because the change may take effect late.
const LOOKS_IN_DOUBT: u8 = 2;

/// Makes the node's store calls.
pub(super) struct StoreCalls {
    node: Arc<Node>,
    rooms: Arc<Registry>,
    readiness: Arc<Readiness>,
    in_flight: InFlight,
}

impl StoreCalls {
    pub(super) fn new(node: Arc<Node>, rooms: Arc<Registry>, readiness: Arc<Readiness>) -> Arc<Self> {
        Arc::new(Self { node, rooms, readiness, in_flight: InFlight::default() })
    }

    /// Makes a store call that is answered before this returns, which counts as no time. `None`: refused, or the store needs
    /// time. A refused call had no effect.
    pub(super) fn call_now<T>(
        &self,
        call: StoreCall,
        make: impl FnOnce() -> Option<store::Result<T>>,
    ) -> Option<T> {
        let _in_flight = self.in_flight.begin()?;
        let answer = make()?.ok()?;
        self.node.meters.store_call_answered(call, Duration::ZERO);
        Some(answer)
    }

    /// Retries one store call until the store answers or `deadline` has passed. Each attempt gets half of the time
    /// that is left. All attempts carry the same call number, so the call takes effect at most once.
    ///
    /// # Errors
    /// The store's final answer. After the deadline, `outcome_unknown` if any attempt may have taken effect, else
    /// `store_unavailable`.
    pub(super) async fn call_with_retry<T, F>(
        &self,
        call: StoreCall,
        room: &RoomName,
        deadline: Instant,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = store::Result<T>>,
    {
        let Some(_in_flight) = self.in_flight.begin() else { return Err(Refusal::store_unavailable()) };
        let mut uncertain = false;
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let started = Instant::now();
            let patience = (deadline.saturating_duration_since(started) / 2).max(SHORTEST_ATTEMPT);
            let span = tracing::debug_span!("store_call", call = call.label(), %room);
            let mut attempt = pin!(attempt().instrument(span));
            // A store in memory answers at once, and then needs no timer.
            let answer = match poll!(&mut attempt) {
                Poll::Ready(answer) => answer,
                Poll::Pending => timeout_at(started + patience, attempt)
                    .await
                    .unwrap_or_else(|_| Err(StoreError::not_answered(patience))),
            };
            self.node.meters.store_call(call, started.elapsed(), &answer);
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // The asset was removed since. The retry cannot show whether the select took effect before.
            if uncertain && error.kind() == StoreErrorKind::UnknownAsset && call == StoreCall::Select {
                return Err(self.outcome_unknown(room));
            }
            if !error.kind().temporary() {
                return Err(Refusal::from(&error));
            }
            self.readiness.failed(call, Some(room), &error);
            uncertain |= error.kind() == StoreErrorKind::OutcomeUnknown;
            let rest = self.node.jitter(backoff.next_pause());
            if Instant::now() + rest >= deadline || self.in_flight.is_ending() {
                return Err(if uncertain { self.outcome_unknown(room) } else { Refusal::from(&error) });
            }
            sleep(rest).await;
        }
    }

    /// Schedules a resync of the room, even if no other node shares the store, because the change may have taken
    /// effect without an event.
    fn outcome_unknown(&self, room: &RoomName) -> Refusal {
        if let Some(room) = self.rooms.get(room) {
            room.doubts.store(LOOKS_IN_DOUBT, Relaxed);
        }
        Refusal::outcome_unknown()
    }

    /// Retries a read until the select deadline. A read has no effect, so its outcome is never unknown.
    ///
    /// # Errors
    /// The store's final answer, or `store_unavailable`.
    pub(super) async fn read<T, F>(
        &self,
        call: StoreCall,
        room: &RoomName,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = store::Result<T>>,
    {
        self.read_within(call, room, self.node.config.select_deadline, attempt).await
    }

    /// The same with a shorter deadline.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) async fn read_within<T, F>(
        &self,
        call: StoreCall,
        room: &RoomName,
        patience: Duration,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = store::Result<T>>,
    {
        let deadline = Instant::now() + patience;
        self.call_with_retry(call, room, deadline, attempt).await.map_err(|refusal| match refusal.code {
            ErrorCode::OutcomeUnknown => Refusal::store_unavailable(),
            _ => refusal,
        })
    }

    /// Rejects new calls, and waits for those in flight, for a second at most. Afterwards the store may be closed.
    pub(super) async fn stop(&self) {
        self.in_flight.stop().await;
    }
}
