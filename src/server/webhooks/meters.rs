use metrics::{Counter, Gauge, counter, gauge};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Acknowledged.
    Delivered,
    /// Another status than 2xx.
    Refused,
    Redirected,
    TooLarge,
    /// The name leads only to addresses that are never called.
    Blocked,
    Unreachable,
    TimedOut,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Refused,
        Self::Redirected,
        Self::TooLarge,
        Self::Blocked,
        Self::Unreachable,
        Self::TimedOut,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Redirected => "redirected",
            Self::TooLarge => "too_large",
            Self::Blocked => "blocked",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
        }
    }
}

/// The metric handles for deliveries.
pub(super) struct Meters {
    deliveries: [Counter; Outcome::ALL.len()],
    pub(super) lag: Gauge,
    pub(super) waiting: Gauge,
    pub(super) paused: Gauge,
}

impl Meters {
    pub(super) fn new() -> Self {
        let counter =
            |outcome: Outcome| counter!("asset_arbiter_webhook_deliveries_total", "outcome" => outcome.label());
        Self {
            deliveries: Outcome::ALL.map(counter),
            lag: gauge!("asset_arbiter_webhook_lag_seconds"),
            waiting: gauge!("asset_arbiter_events_waiting"),
            paused: gauge!("asset_arbiter_webhook_paused"),
        }
    }

    pub(super) fn attempt(&self, outcome: Outcome) {
        self.deliveries[outcome as usize].increment(1);
    }
}
