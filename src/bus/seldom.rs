use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Once in a while is enough for the log.
#[derive(Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

const EVERY: Duration = Duration::from_secs(60);

impl Seldom {
    /// Whether it is time to say it again.
    pub(super) fn due(&self) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| last.elapsed() >= EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}
