use std::time::SystemTime;

use metrics::{Counter, Gauge, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use parking_lot::Mutex;

use super::{histogram::Histograms, metric_help::HELP};
use crate::model::build::{COMMIT, VERSION, features};

/// One server's metrics, rendered at `/metrics`. Not global, so that several servers in one process (as in tests) do
/// not mix.
pub struct Metrics {
    recorder: Registered,
    handle: PrometheusHandle,
    /// Callbacks that copy counts kept elsewhere.
    readers: Mutex<Vec<Reader>>,
    /// The process begins with its metrics.
    pub(super) started: SystemTime,
}

type Reader = Box<dyn Fn() + Send + Sync>;

/// Counters and gauges are the library's. Its histograms would keep every sample until they are rendered.
struct Registered {
    others: PrometheusRecorder,
    histograms: Histograms,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics with nothing recorded but the build.
    #[must_use]
    pub fn new() -> Self {
        let others = PrometheusBuilder::new().build_recorder();
        // One list for all kinds; histograms look their texts up.
        HELP.iter().for_each(|(name, text)| others.describe_counter((*name).into(), None, (*text).into()));
        let handle = others.handle();
        let recorder = Registered { others, histograms: Histograms::default() };
        let metrics = Self { recorder, handle, readers: Mutex::default(), started: SystemTime::now() };
        let labels = [("version", VERSION), ("commit", COMMIT), ("features", &features())]
            .map(|(label, value)| (label, value.to_owned()));
        metrics.scope(|| metrics::gauge!("asset_arbiter_build_info", &labels)).set(1.0);
        metrics
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
        let mut text = self.handle.render();
        self.recorder.histograms.render(&mut text);
        text
    }

    /// Counts an answered HTTP request. Label values come from a fixed set, so clients cannot create more.
    pub(super) fn answered(&self, route: &str, status: u16) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.scope(|| metrics::counter!("asset_arbiter_http_requests_total", &labels).increment(1));
    }
}

impl Recorder for Registered {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_counter(name, unit, description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_gauge(name, unit, description);
    }

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.others.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.others.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(self.histograms.register(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_do_not_mix_and_histograms_have_buckets() {
        let (ours, theirs) = (Metrics::new(), Metrics::new());
        let (counter, seconds) = ours.scope(|| (metrics::counter!("ours"), metrics::histogram!("x_seconds")));
        counter.increment(2);
        seconds.record(0.003);
        let text = ours.render();
        assert!(text.contains("ours 2"), "{text}");
        assert!(text.contains(r#"x_seconds_bucket{le="0.005"} 1"#), "{text}");
        assert!(!theirs.render().contains("ours"));
    }
}
