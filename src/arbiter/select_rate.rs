use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::model::Millis;

/// The length of a window. Longer ones show a race too late.
const WINDOW_MS: Millis = 5000;

/// How many selects a second a room has, counted in windows. A count that is made while a window ends may be lost.
#[derive(Debug, Default)]
pub(super) struct SelectRate {
    /// The number of the window of `current`.
    window: AtomicU64,
    current: AtomicU64,
    /// The selects of the window before.
    previous: AtomicU64,
}

impl SelectRate {
    /// Counts a select.
    pub(super) fn count(&self, now: Millis) {
        let (window, known) = (now / WINDOW_MS, self.window.load(Relaxed));
        if known < window && self.window.compare_exchange(known, window, Relaxed, Relaxed).is_ok() {
            let ended = self.current.swap(0, Relaxed);
            self.previous.store(if known + 1 == window { ended } else { 0 }, Relaxed);
        }
        self.current.fetch_add(1, Relaxed);
    }

    /// The selects per second over about [`WINDOW_MS`]: those of this window, and the share of those before that the last
    /// [`WINDOW_MS`] have, as if they were spread evenly.
    pub(super) fn per_second(&self, now: Millis) -> f64 {
        let (current, previous) = (self.current.load(Relaxed) as f64, self.previous.load(Relaxed) as f64);
        let (current, previous) = match (now / WINDOW_MS).saturating_sub(self.window.load(Relaxed)) {
            0 => (current, previous),
            1 => (0.0, current),
            _ => (0.0, 0.0),
        };
        let passed = (now % WINDOW_MS) as f64 / WINDOW_MS as f64;
        (current + previous * (1.0 - passed)) * 1000.0 / WINDOW_MS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_shown_as_it_is_and_fades_when_it_ends() {
        let rate = SelectRate::default();
        for now in (0..20_000).step_by(100) {
            rate.count(now);
        }
        for (now, expected) in [(20_000, 10.0), (22_500, 5.0), (24_999, 0.0), (25_000, 0.0), (90_000, 0.0)] {
            let shown = rate.per_second(now);
            assert!((shown - expected).abs() < 0.01, "{shown} at {now}, not {expected}");
        }
    }

    #[test]
    fn a_pause_is_not_taken_for_a_window_of_selects() {
        let rate = SelectRate::default();
        (0..100).for_each(|_| rate.count(1000));
        rate.count(61_000);
        assert!(rate.per_second(61_000) < 1.0);
    }
}
