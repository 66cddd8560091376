use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Connections beyond the bound that are still told so, at one time; more are closed without a word.
const SURPLUS: usize = 64;

/// Counts TCP connections against `--max-connections`.
#[derive(Debug)]
pub(super) struct Seats {
    max: usize,
    taken: AtomicUsize,
    emptied: Notify,
}

/// One connection's place, from accept until its socket is closed.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    surplus: bool,
}

impl Seats {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: AtomicUsize::new(0), emptied: Notify::new() })
    }

    /// A seat; a surplus one when it is beyond the bound; `None` when it is far beyond.
    pub(super) fn take(self: &Arc<Self>) -> Option<Seat> {
        let before = self.taken.fetch_add(1, Ordering::AcqRel);
        let seat = Seat { seats: Arc::clone(self), surplus: before >= self.max };
        (before < self.max.saturating_add(SURPLUS)).then_some(seat)
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
}

impl Seat {
    /// Whether it is beyond the bound.
    pub(super) fn surplus(&self) -> bool {
        self.surplus
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.seats.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.seats.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_is_surplus_and_far_beyond_is_nothing() {
        let seats = Seats::new(2);
        let mut taken: Vec<_> = (0..2 + SURPLUS).map(|_| seats.take().unwrap()).collect();
        assert_eq!(taken.iter().filter(|seat| !seat.surplus()).count(), 2);
        assert!(seats.take().is_none());
        assert_eq!(seats.taken(), 2 + SURPLUS, "a refused one leaves no trace");
        taken.clear();
        assert!(!seats.take().unwrap().surplus());
    }

    #[tokio::test(start_paused = true)]
    async fn empty_waits_for_the_last() {
        let seats = Seats::new(2);
        let (one, two) = (seats.take(), seats.take());
        let mut empty = std::pin::pin!(seats.empty());
        drop(one);
        assert!(futures::poll!(empty.as_mut()).is_pending());
        drop(two);
        assert!(futures::poll!(empty.as_mut()).is_ready());
    }
}
