//! Compares the node's clock with the store's. Nodes whose clocks differ would end each other's grants early or late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{Gauge, gauge};
use tokio::time::{sleep, timeout};

use super::{node::Node, readiness::Readiness, refusal::Refusal};
use crate::{
    model::{ErrorCode, LogThrottle, Millis},
    store::StoreTime,
};

/// Milliseconds from which a difference is logged.
const NOTICED: i64 = 1000;
/// Milliseconds from which the node decides about no asset whose grants end.
const REFUSED: i64 = 5000;
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The same while the clocks differ.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// A slower answer says too little.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Skew {
    node: Arc<Node>,
    /// Milliseconds by which the node's clock is ahead of the store's, at least; 0 within the time of an answer.
    ahead: AtomicI64,
    lines: LogThrottle,
    gauge: Gauge,
}

impl Skew {
    pub(super) fn new(node: Arc<Node>) -> Arc<Self> {
        let gauge = gauge!("asset_arbiter_clock_skew_seconds");
        Arc::new(Self { node, ahead: AtomicI64::new(0), lines: LogThrottle::each_minute(), gauge })
    }

    /// Looks once the store is reached, and then now and again, until it is dropped.
    pub(super) async fn watch(self: Arc<Self>, readiness: Arc<Readiness>) {
        // A store that cannot be reached has no clock to differ from.
        let _ = readiness.reached().await;
        loop {
            self.look().await;
            let pause = if self.ahead.load(Relaxed).abs() >= NOTICED { LOOK_AGAIN } else { LOOK_EVERY };
            sleep(self.node.jitter(pause)).await;
        }
    }

    async fn look(&self) {
        let asked = self.node.clock.now();
        let Ok(Ok(Some(stores))) = timeout(ANSWERED_WITHIN, self.node.store.clock()).await else { return };
        let ahead = ahead_by(asked, self.node.clock.now(), &stores);
        self.ahead.store(ahead, Relaxed);
        self.gauge.set(ahead as f64 / 1000.0);
        if ahead.abs() >= NOTICED && self.lines.due().is_some() {
            tracing::warn!(
                ahead_ms = ahead,
                refuses = ahead.abs() >= REFUSED,
                "this node's clock differs from the store's: grants may end early or late by as much; from 5 s on the node \
                 decides about no asset whose grants end. Synchronise the clocks (NTP)"
            );
        }
    }

    /// Whether the node decides about no asset whose grants end.
    pub(super) fn is_too_large(&self) -> bool {
        self.ahead.load(Relaxed).abs() >= REFUSED
    }

    pub(super) fn refusal(&self) -> Refusal {
        let ahead = self.ahead.load(Relaxed);
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        let seconds = ahead.unsigned_abs() as f64 / 1000.0;
        let message = format!(
            "this node's clock is {seconds:.1} s {side} the store's: it decides about no asset whose grants end; nothing \
             changed, try again later or at another node"
        );
        Refusal::new(ErrorCode::StoreUnavailable, message)
    }
}

/// By how much the node's clock is ahead at least, if the store read its own between `asked` and `answered`.
fn ahead_by(asked: Millis, answered: Millis, stores: &StoreTime) -> i64 {
    let [asked, answered, first, last] =
        [asked, answered, *stores.start(), *stores.end()].map(Millis::cast_signed);
    if last < asked {
        asked - last
    } else if first > answered {
        answered - first
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_answer_is_no_difference() {
        for (asked, answered, stores, ahead) in [
            (100, 200, 150..=150, 0),
            (100, 200, 100..=100, 0),
            (100, 200, 90..=90, 10),
            (100, 200, 7200..=7200, -7000),
            (9000, 9000, 0..=0, 9000),
            (1500, 1600, 1000..=1999, 0),
            (2500, 2600, 1000..=1999, 501),
            (500, 600, 1000..=1999, -400),
        ] {
            assert_eq!(ahead_by(asked, answered, &stores), ahead);
        }
    }
}
