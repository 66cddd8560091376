//! Traces: hands the spans of selects to a collector, by OTLP over HTTP. Nothing waits for it; what it does not take in time is
//! dropped and counted.

mod sender;
mod span;

use std::time::Duration;

use metrics::{Counter, counter};
use parking_lot::Mutex;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::sender::Sender;
use super::OtlpEndpoint;
use crate::{
    arbiter::{SelectSpan, SpanSink},
    model::{TraceParent, limits::WAITING_TRACES},
};

/// Sends spans until it is stopped.
pub struct Otlp {
    queue: mpsc::Sender<span::Spans>,
    /// The share of selects without a caller's span that is traced.
    sample: f64,
    dropped: Counter,
    stop: CancellationToken,
    task: Mutex<Option<AbortOnDropHandle<()>>>,
}

impl Otlp {
    /// Starts sending on the current runtime. Metrics are registered with the current recorder.
    ///
    /// # Errors
    /// This machine has no root certificates, which `https` needs.
    pub fn start(endpoint: &OtlpEndpoint, sample: f64) -> Result<Self, String> {
        let spans = |outcome: &'static str| counter!("asset_arbiter_spans_total", "outcome" => outcome);
        let (queue, waiting) = mpsc::channel(WAITING_TRACES);
        let (stop, dropped) = (CancellationToken::new(), spans("dropped"));
        let sender = Sender::new(waiting, endpoint.clone(), (spans("sent"), dropped.clone()), stop.clone());
        let task = sender.spawn()?;
        Ok(Self { queue, sample, dropped, stop, task: Mutex::new(Some(AbortOnDropHandle::new(task))) })
    }

    /// Sends what waits, and ends. What is not sent `within` that time is lost.
    pub async fn stop(&self, within: Duration) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task
            && timeout(within, task).await.is_err()
        {
            tracing::warn!(?within, "the collector of spans did not take the last ones in time");
        }
    }
}

impl SpanSink for Otlp {
    fn wants(&self, parent: Option<&TraceParent>) -> bool {
        match parent {
            Some(parent) => parent.is_sampled,
            None => self.sample >= 1.0 || fastrand::f64() < self.sample,
        }
    }

    fn select(&self, select: &SelectSpan<'_>) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(span::of_select(select)),
            Err(TrySendError::Full(()) | TrySendError::Closed(())) => {
                self.dropped.increment(span::count(select) as u64);
            }
        }
    }
}
