use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Limits how often one kind of line is logged. Counts the suppressed lines, so that the next line can report them.
#[derive(Debug)]
pub struct LogThrottle {
    every: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl LogThrottle {
    /// Allows one line per `every`.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { every, state: Mutex::new(State { last: None, held_back: 0 }) }
    }

    /// Allows one line a minute.
    #[must_use]
    pub const fn each_minute() -> Self {
        Self::new(Duration::from_secs(60))
    }

    /// Returns the number of lines suppressed since the last one if a line is due; otherwise counts this one and
    /// returns `None`.
    pub fn due(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.last.is_some_and(|last| last.elapsed() < self.every) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(Instant::now());
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_let_through_once_and_the_others_are_counted() {
        let throttle = LogThrottle::each_minute();
        assert_eq!([throttle.due(), throttle.due(), throttle.due()], [Some(0), None, None]);
        let throttle = LogThrottle::new(Duration::ZERO);
        assert_eq!([throttle.due(), throttle.due()], [Some(0), Some(0)]);
        let throttle = LogThrottle::new(Duration::from_millis(20));
        assert_eq!([throttle.due(), throttle.due()], [Some(0), None]);
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(throttle.due(), Some(1));
    }
}
