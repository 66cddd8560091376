use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use parking_lot::Mutex;

use super::App;

/// Buckets in seconds, from a decision in memory to a failing store.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Buckets in players per store call.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// Histograms keep every sample until they are rendered or upkeep runs.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// One server's metrics, rendered at `/metrics`. Not global, so that several servers in one process (as in tests) do
/// not mix.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Callbacks that copy counts kept elsewhere.
    readers: Mutex<Vec<Reader>>,
}

type Reader = Box<dyn Fn() + Send + Sync>;

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics with nothing recorded.
    #[must_use]
    pub fn new() -> Self {
        let recorder = with_buckets(PrometheusBuilder::new()).build_recorder();
        Self { handle: recorder.handle(), recorder, readers: Mutex::default() }
    }

    /// Runs `register`. Metric handles created in it record here, wherever they are used later.
    pub fn scope<T>(&self, register: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, register)
    }

    /// Adds a counter kept elsewhere: `read` is called at every render.
    pub fn count(&self, name: &'static str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        let counter = self.scope(|| metrics::counter!(name));
        self.readers.lock().push(Box::new(move || counter.absolute(read())));
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.readers.lock().iter().for_each(|read| read());
        self.handle.render()
    }

    /// Counts an answered HTTP request. Label values come from a fixed set, so clients cannot create more.
    pub(super) fn answered(&self, route: &str, status: u16) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.scope(|| metrics::counter!("asset_arbiter_http_requests_total", &labels).increment(1));
    }
}

fn with_buckets(builder: PrometheusBuilder) -> PrometheusBuilder {
    builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_batch_size".into()), BATCHES))
        .expect("neither list of buckets is empty")
}

/// Keeps histograms small while nothing scrapes them.
pub(super) async fn upkeep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        ticks.tick().await;
        app.metrics.handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_do_not_mix_and_histograms_have_buckets() {
        let (ours, theirs) = (Metrics::new(), Metrics::new());
        let (counter, seconds) = ours.scope(|| (metrics::counter!("c"), metrics::histogram!("x_seconds")));
        counter.increment(2);
        seconds.record(0.003);
        let text = ours.render();
        assert!(text.contains("c 2"), "{text}");
        assert!(text.contains(r#"x_seconds_bucket{le="0.005"} 1"#), "{text}");
        assert!(!theirs.render().contains('c'));
    }
}
