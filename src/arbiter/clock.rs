use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::Millis;

/// Unix time that never decreases. It follows tokio's clock, so that it advances in tests with virtual time.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    started_at: Duration,
}

impl Clock {
    #[cfg(test)]
    pub(super) fn start() -> Self {
        Self::start_at(None)
    }

    /// A clock that starts at a time; `None`: at the system's.
    pub(super) fn start_at(time: Option<Millis>) -> Self {
        let system = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_at: time.map_or_else(system, Duration::from_millis) }
    }

    pub(super) fn now(&self) -> Millis {
        self.at(Instant::now())
    }

    pub(super) fn at(&self, now: Instant) -> Millis {
        (self.started_at + now.saturating_duration_since(self.started)).as_millis() as Millis
    }
}
