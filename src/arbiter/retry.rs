//! Store calls that are repeated until they are answered or their deadline has passed.

use std::{future::Future, sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use super::{Arbiter, meters::StoreCall, refusal::Refusal};
use crate::{
    model::{ErrorCode, RoomName},
    store::{self, StoreError, StoreErrorCause, StoreErrorKind},
};

/// The shortest time one attempt is given, so that the last ones before a deadline are not in vain.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(50);

/// Pauses between attempts double from the first to the longest, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// How often a room is compared with the store after a change of unknown outcome: soon, and once more for one
/// that takes effect late.
const LOOKS_IN_DOUBT: u8 = 2;

impl Arbiter {
    /// Repeats one and the same store call until it is answered or `deadline` has passed. Each attempt gets
    /// half of the time that is left.
    ///
    /// # Errors
    /// What the store answered for good; past the deadline `outcome_unknown` if any attempt may have taken
    /// effect, else `store_unavailable`.
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
        let Some(_under_way) = self.calls.begin() else { return Err(Refusal::store_unavailable()) };
        let mut uncertain = false;
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            let patience = (deadline.saturating_duration_since(started) / 2).max(SHORTEST_ATTEMPT);
            let span = tracing::debug_span!("store_call", call = call.label(), %room);
            let answer = timeout(patience, attempt().instrument(span)).await;
            let answer = answer.unwrap_or_else(|_| Err(not_answered(patience)));
            self.meters.store_call(call, started.elapsed(), &answer);
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // A look-up does not tell what a select did to an asset that was removed since.
            if uncertain && error.kind() == StoreErrorKind::UnknownAsset && call == StoreCall::Select {
                return Err(self.nobody_knows(room));
            }
            if !error.kind().temporary() {
                return Err(Refusal::from(&error));
            }
            self.readiness.failed(call, Some(room), &error);
            uncertain |= error.kind() == StoreErrorKind::OutcomeUnknown;
            let rest = self.jitter(pause);
            if Instant::now() + rest >= deadline || self.calls.ending() {
                return Err(if uncertain { self.nobody_knows(room) } else { Refusal::from(&error) });
            }
            sleep(rest).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What may have changed unseen is looked for, also in a store that no other node changes.
    fn nobody_knows(&self, room: &RoomName) -> Refusal {
        if let Some(room) = self.rooms.get(room) {
            room.doubts.store(LOOKS_IN_DOUBT, Relaxed);
        }
        Refusal::outcome_unknown()
    }

    /// A read is a call without an effect: when it is not answered in time, nothing is unknown about it.
    ///
    /// # Errors
    /// What the store answered for good, or `store_unavailable`.
    pub(super) async fn read<T, F>(
        &self,
        call: StoreCall,
        room: &RoomName,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = store::Result<T>>,
    {
        self.read_within(call, room, self.config.select_deadline, attempt).await
    }

    /// The same, for a caller with less patience.
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
}

/// What an attempt came to that was given up; it may have taken effect.
pub(super) fn not_answered(within: Duration) -> StoreError {
    let message = format!("no answer within {within:.1?}");
    StoreError::new("store", StoreErrorKind::OutcomeUnknown, message).because(StoreErrorCause::NotAnswered)
}
