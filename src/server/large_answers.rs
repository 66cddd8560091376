//! Paces the answers that show a large room, because 13 MB for one line of a request would keep everybody else waiting.

use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use futures::{Stream, stream};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
    time::{Instant, sleep_until},
};

use crate::model::limits::{LARGE_ANSWERS, LARGE_ANSWERS_BYTES_PER_SEC, LARGE_ANSWERS_LAG_MS};

/// The large answers of one node.
#[derive(Debug)]
pub(super) struct LargeAnswers {
    places: Arc<Semaphore>,
    /// When the next part may be sent.
    next: Mutex<Instant>,
}

/// A place among the answers that are being sent, kept until it is dropped.
#[derive(Debug)]
pub(super) struct LargeAnswer {
    all: Arc<LargeAnswers>,
    _place: OwnedSemaphorePermit,
}

impl LargeAnswers {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(LARGE_ANSWERS)), next: Mutex::new(Instant::now()) })
    }

    /// Begins an answer. `None`: [`LARGE_ANSWERS`] are being sent.
    pub(super) fn begin(self: &Arc<Self>) -> Option<LargeAnswer> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(LargeAnswer { all: Arc::clone(self), _place: place })
    }

    /// When a part of so many bytes may be sent. An answer that was late catches up within [`LARGE_ANSWERS_LAG_MS`].
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let mut next = self.next.lock();
        let earliest = now.checked_sub(Duration::from_millis(LARGE_ANSWERS_LAG_MS)).unwrap_or(now);
        let at = earliest.max(*next);
        *next = at + Duration::from_secs(1) * bytes as u32 / LARGE_ANSWERS_BYTES_PER_SEC;
        at
    }
}

impl LargeAnswer {
    /// The same parts, each of them when the node may send it.
    pub(super) fn pace<E>(
        self,
        parts: impl Iterator<Item = Result<Bytes, E>>,
    ) -> impl Stream<Item = Result<Bytes, E>> {
        stream::unfold((parts, self), |(mut parts, answer)| async {
            let part = parts.next()?;
            // A comma leaves with the part after it.
            if let Ok(part) = &part
                && part.len() > 1
            {
                answer.turn(part.len()).await;
            }
            Some((part, (parts, answer)))
        })
    }

    async fn turn(&self, bytes: usize) {
        let now = Instant::now();
        let at = self.all.reserve(bytes, now);
        if at > now { sleep_until(at).await } else { yield_now().await }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    /// Reads an answer of so many megabytes in parts of 32 KiB.
    async fn read(answer: LargeAnswer, megabytes: usize) -> usize {
        let parts = (0..32 * megabytes).map(|_| Ok::<_, ()>(Bytes::from_static(&[b' '; 32 * 1024])));
        let read = answer.pace(parts).fold(0, |bytes, part| async move { bytes + part.unwrap().len() });
        read.await
    }

    #[tokio::test(start_paused = true)]
    async fn all_answers_together_have_one_rate() {
        let (all, began) = (LargeAnswers::new(), Instant::now());
        let answers = (0..4).map(|_| read(all.begin().unwrap(), 16));
        assert_eq!(futures::future::join_all(answers).await, [16 << 20; 4]);
        let taken = began.elapsed().as_secs_f64();
        let expected = f64::from(64 << 20) / f64::from(LARGE_ANSWERS_BYTES_PER_SEC);
        assert!((expected * 0.95..expected * 1.1).contains(&taken), "{taken} s, not {expected} s");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_at_once_and_one_that_ends_leaves_its_place() {
        let all = LargeAnswers::new();
        let mut answers: Vec<_> = (0..LARGE_ANSWERS).map(|_| all.begin().unwrap()).collect();
        assert!(all.begin().is_none());
        drop(answers.pop());
        assert!(all.begin().is_some());
    }
}
