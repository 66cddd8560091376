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
        Self::start_ahead(0)
    }

    /// A clock that is so many milliseconds ahead of the system's.
    pub(super) fn start_ahead(ahead: i64) -> Self {
        let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_at = Duration::from_millis((started_at.as_millis() as u64).saturating_add_signed(ahead));
        Self { started: Instant::now(), started_at }
    }

    pub(super) fn now(&self) -> Millis {
        self.at(Instant::now())
    }

    pub(super) fn at(&self, now: Instant) -> Millis {
        (self.started_at + now.saturating_duration_since(self.started)).as_millis() as Millis
    }
}
