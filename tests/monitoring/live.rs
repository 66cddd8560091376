//! A real Prometheus with the rules scrapes real nodes to which the causes of all alerts happen.

use std::{any::Any, collections::BTreeSet, env, fmt::Write, fs, net::SocketAddr, sync::Mutex, time::Duration};

use serde_json::Value;

use crate::{
    dashboard::{Panel, panels},
    engines::{
        prometheus::{Prometheus, program},
        redis,
    },
    expressions::{filled_in, selectors},
    rules::{ALERTS, hasty, names},
    scenes,
    support::soon,
};

/// A healthy node on a machine that does too much may be slow, and now and then it repairs a gap, as when it has just begun to
/// follow a room: only what lasts is an alert, which these rules do not wait for.
const EXCUSED: [&str; 3] = ["AssetArbiterSelectsSlow", "AssetArbiterStoreSlow", "AssetArbiterGapsRepaired"];

/// Panels that show the lowest of all nodes, which is 0 because one of them is down.
const OF_THE_WORST: [&str; 2] = ["Store", "Bus"];

/// Where the causes happen.
pub(crate) struct Stage {
    pub(crate) redis: redis::Engine,
    prometheus: Prometheus,
    kept: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl Stage {
    /// Has Prometheus scrape a node.
    pub(crate) async fn scrape(&self, instance: &str, address: SocketAddr) {
        self.prometheus.scrape(instance, address).await;
    }

    /// Keeps servers and connections until all is looked at.
    pub(crate) fn keep(&self, thing: impl Any + Send) {
        self.kept.lock().unwrap().push(Box::new(thing));
    }

    /// Waits until these alerts, named without their beginning, have fired for an instance.
    pub(crate) async fn fires(&self, instance: &str, alerts: &[&str]) {
        let query = format!("last_over_time(ALERTS{{alertstate=\"firing\",instance=\"{instance}\"}}[1h])");
        for alert in alerts {
            let alert = format!("AssetArbiter{alert}");
            let fired = async {
                while !self.labels(&query, "alertname").await.contains(&alert) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            };
            soon(&format!("{alert} to fire for {instance}"), fired).await;
        }
    }

    /// The values of a label in a query's answer.
    async fn labels(&self, query: &str, label: &str) -> BTreeSet<String> {
        let found = self.prometheus.query(query).await.unwrap();
        found.iter().filter_map(|series| Some(series["metric"][label].as_str()?.to_owned())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_alert_fires_where_its_cause_happens_and_every_panel_shows_it() {
    let Some(redis) = redis::redis() else { return };
    let Some(prometheus) = program("prometheus") else { return };
    let prometheus = Prometheus::start(&prometheus, &hasty());
    let stage = Stage { redis, prometheus, kept: Mutex::default() };
    scenes::all(&stage).await;

    let fired = "last_over_time(ALERTS{alertstate=\"firing\"}[1h])";
    assert_eq!(stage.labels(fired, "alertname").await, names(), "alerts that fired, alerts that there are");
    for instance in ["calm", "calm-2"] {
        let fired = format!("last_over_time(ALERTS{{instance=\"{instance}\"}}[1h])");
        let mut fired = stage.labels(&fired, "alertname").await;
        fired.retain(|alert| !EXCUSED.contains(&alert.as_str()));
        assert_eq!(fired, BTreeSet::new(), "alerts about {instance}, where all is well");
    }
    every_selector_has_series(&stage).await;
    every_panel_has_data(&stage).await;
    assert!(!stage.prometheus.output().contains("level=error"), "{}", stage.prometheus.output());
}

/// Names, labels and their values are as the nodes show them.
async fn every_selector_has_series(stage: &Stage) {
    let of_alerts = ALERTS.lines().filter(|line| !line.contains("description") && !line.contains("- alert"));
    let mut asked: BTreeSet<_> = of_alerts.flat_map(selectors).collect();
    for Panel { targets, .. } in panels() {
        asked.extend(targets.iter().flat_map(|(expression, _)| selectors(&filled_in(expression))));
    }
    assert!(asked.len() > 50, "{asked:?}");
    let mut without = Vec::new();
    for selector in asked {
        if stage.prometheus.series(&selector).await.is_empty() {
            without.push(selector);
        }
    }
    assert_eq!(without, Vec::<String>::new(), "selectors that no series matches");
}

/// Asks what Grafana would. With ARBITER_TEST_PANELS=FILE the answers are written there, as tables.
async fn every_panel_has_data(stage: &Stage) {
    let (mut shown, mut empty, mut row) = (String::new(), Vec::new(), String::new());
    for panel in panels() {
        if row != panel.row {
            row.clone_from(&panel.row);
            writeln!(shown, "\n# {row}").unwrap();
        }
        writeln!(shown, "\n## {}\n\n{}\n\n| series | value |\n|---|---|", panel.title, panel.description)
            .unwrap();
        let mut has_data = false;
        for (expression, legend) in &panel.targets {
            let found = stage.prometheus.query(&filled_in(expression)).await.unwrap();
            for series in found {
                let value: f64 = series["value"][1].as_str().unwrap().parse().unwrap();
                has_data |= value != 0.0 && !value.is_nan();
                writeln!(shown, "| {} | {value:.4} |", named(legend, &series["metric"])).unwrap();
            }
        }
        if !has_data && !OF_THE_WORST.contains(&panel.title.as_str()) {
            empty.push(panel.title);
        }
    }
    if let Ok(file) = env::var("ARBITER_TEST_PANELS") {
        fs::write(file, shown).unwrap();
    }
    assert_eq!(empty, Vec::<String>::new(), "panels that show nothing");
}

/// A legend with its labels filled in, all of which the series must have; all labels if there is no legend.
fn named(legend: &str, labels: &Value) -> String {
    if legend.is_empty() {
        return labels.as_object().unwrap().iter().map(|(name, value)| format!("{name}={value} ")).collect();
    }
    let mut parts = legend.split("{{");
    let mut named = parts.next().unwrap().to_owned();
    for part in parts {
        let (label, text) = part.split_once("}}").unwrap();
        let value =
            labels[label].as_str().unwrap_or_else(|| panic!("no label {label} of {legend} in {labels}"));
        named.push_str(value);
        named.push_str(text);
    }
    named
}
