//! Histograms with fixed buckets. Recording is two atomic additions and keeps no sample.

use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{HistogramFn, Key, Label};
use parking_lot::Mutex;

use super::metric_help::help;

/// Buckets in seconds, from a decision in memory to a failing store.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Buckets in players per store call.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// All histograms, by name and labels.
#[derive(Debug, Default)]
pub(super) struct Histograms(Mutex<BTreeMap<String, BTreeMap<Labels, Arc<Histogram>>>>);

/// As in Prometheus' text format, with a comma after each.
type Labels = String;

#[derive(Debug)]
struct Histogram {
    /// Upper bounds of the buckets but the last, which has none.
    bounds: &'static [f64],
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histograms {
    /// Registers a histogram, or returns the one that has this name and these labels.
    pub(super) fn register(&self, key: &Key) -> Arc<impl HistogramFn + use<>> {
        let mut histograms = self.0.lock();
        let bounds = if key.name().ends_with("_seconds") { SECONDS } else { BATCHES };
        let of_name = histograms.entry(key.name().to_owned()).or_default();
        Arc::clone(of_name.entry(labels(key.labels())).or_insert_with(|| Arc::new(Histogram::new(bounds))))
    }

    /// Appends all histograms in Prometheus' text format.
    pub(super) fn render(&self, out: &mut String) {
        for (name, of_name) in &*self.0.lock() {
            line(out, format_args!("# HELP {name} {}", help(name)));
            line(out, format_args!("# TYPE {name} histogram"));
            for (labels, histogram) in of_name {
                histogram.render(name, labels, out);
            }
            out.push('\n');
        }
    }
}

fn labels<'a>(labels: impl Iterator<Item = &'a Label>) -> Labels {
    labels.map(|label| format!("{}={:?},", label.key(), label.value())).collect()
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a text takes more text");
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Each bucket counts the values of the smaller ones, too.
    fn render(&self, name: &str, labels: &Labels, out: &mut String) {
        let mut count = 0;
        for (bucket, in_bucket) in self.counts.iter().enumerate() {
            count += in_bucket.load(Relaxed);
            match self.bounds.get(bucket) {
                Some(bound) => line(out, format_args!("{name}_bucket{{{labels}le=\"{bound}\"}} {count}")),
                None => line(out, format_args!("{name}_bucket{{{labels}le=\"+Inf\"}} {count}")),
            }
        }
        let sum = f64::from_bits(self.sum.load(Relaxed));
        let labels = labels.strip_suffix(',').map_or_else(String::new, |labels| format!("{{{labels}}}"));
        line(out, format_args!("{name}_sum{labels} {sum}"));
        line(out, format_args!("{name}_count{labels} {count}"));
    }
}

impl HistogramFn for Histogram {
    fn record(&self, value: f64) {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        let _ = self.sum.try_update(Relaxed, Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_what_is_at_most_its_bound() {
        let histograms = Histograms::default();
        let key = Key::from_parts("x_batch_size", &[("call", "select")]);
        let histogram = histograms.register(&key);
        for value in [1.0, 1.5, 2.0, 128.0, 129.0] {
            histogram.record(value);
        }
        histograms.register(&key).record(64.0);
        histograms.register(&Key::from_name("y_seconds")).record(0.000_05);
        let mut text = String::new();
        histograms.render(&mut text);
        for line in [
            "# TYPE x_batch_size histogram",
            r#"x_batch_size_bucket{call="select",le="1"} 1"#,
            r#"x_batch_size_bucket{call="select",le="2"} 3"#,
            r#"x_batch_size_bucket{call="select",le="32"} 3"#,
            r#"x_batch_size_bucket{call="select",le="128"} 5"#,
            r#"x_batch_size_bucket{call="select",le="+Inf"} 6"#,
            r#"x_batch_size_sum{call="select"} 325.5"#,
            r#"x_batch_size_count{call="select"} 6"#,
            r#"y_seconds_bucket{le="0.00005"} 1"#,
            "y_seconds_count 1",
        ] {
            assert_eq!(text.lines().filter(|known| *known == line).count(), 1, "{line} in {text}");
        }
    }
}
