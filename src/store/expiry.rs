//! When rooms expire in stores that record a room's last use in a row of its own.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::model::Millis;

/// The minimum time between sweeps, in milliseconds. Expired rooms only accumulate while something is created,
/// so creations trigger the sweep.
const SWEEP_EVERY: Millis = 60_000;

/// The minimum time between writes of a room's last use, in milliseconds, so that not every call writes. A room
/// expires that much later.
const NOTED_EVERY: Millis = 60_000;

/// How long an unused room is kept, and when the last sweep was.
#[derive(Debug)]
pub(super) struct Expiry {
    ttl: Option<Millis>,
    swept_at: AtomicU64,
}

impl Expiry {
    /// Unused rooms are kept for `ttl`; `None`: for ever.
    pub(super) fn new(ttl: Option<Duration>) -> Self {
        Self { ttl: ttl.map(|ttl| ttl.as_millis() as Millis), swept_at: AtomicU64::new(0) }
    }

    pub(super) fn ttl(&self) -> Option<Duration> {
        self.ttl.map(Duration::from_millis)
    }

    /// If a sweep is due: the time at or before which a room must have been noted last to expire.
    pub(super) fn due(&self, now: Millis) -> Option<Millis> {
        let before = now.checked_sub(self.ttl?)?.checked_sub(NOTED_EVERY)?;
        let last = self.swept_at.load(Ordering::Relaxed);
        if now < last.saturating_add(SWEEP_EVERY) {
            return None;
        }
        self.swept_at.store(now, Ordering::Relaxed);
        Some(before)
    }

    /// Makes the next sweep due at once, because the last one may not have removed all.
    #[cfg(feature = "sqlite")]
    pub(super) fn sweep_again(&self) {
        self.swept_at.store(0, Ordering::Relaxed);
    }
}

/// A use at `now` is recorded if the last recorded one was at this time or before.
pub(super) fn note_if_used_at(now: Millis) -> Millis {
    now.saturating_sub(NOTED_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Millis = 5000;

    fn expiry() -> Expiry {
        Expiry::new(Some(Duration::from_millis(TTL)))
    }

    #[test]
    fn a_room_in_use_does_not_expire_although_not_every_use_is_recorded() {
        let recorded = 1_000_000;
        let used = recorded + NOTED_EVERY - 1;
        assert!(recorded > note_if_used_at(used), "the last use is not recorded");
        assert!(recorded <= note_if_used_at(used + 1), "the next one is");
        let expired = |at| expiry().due(at).is_some_and(|before| recorded <= before);
        assert!(!expired(used + TTL) && expired(used + TTL + 1));
    }

    #[test]
    fn sweeps_are_a_minute_apart_unless_there_is_more_to_do() {
        let (expiry, now) = (expiry(), 1_000_000);
        assert_eq!(expiry.due(now), Some(now - TTL - NOTED_EVERY));
        assert_eq!(expiry.due(now + SWEEP_EVERY - 1), None);
        assert!(expiry.due(now + SWEEP_EVERY).is_some());
        #[cfg(feature = "sqlite")]
        {
            assert_eq!(expiry.due(now + SWEEP_EVERY), None);
            expiry.sweep_again();
            assert!(expiry.due(now + SWEEP_EVERY).is_some());
        }
    }

    #[test]
    fn without_a_time_to_live_nothing_expires() {
        assert_eq!(Expiry::new(None).due(Millis::MAX), None);
        assert_eq!(expiry().due(TTL), None, "the clock has only begun");
    }
}
