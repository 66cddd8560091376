//! `deploy/prometheus/alerts.yaml` and `deploy/grafana/asset-arbiter.json`, checked by promtool and by a real Prometheus that
//! scrapes real nodes: every alert fires where its cause is made to happen, and every panel has something to show.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dashboard;
#[path = "../engines/mod.rs"]
mod engines;
mod expressions;
#[path = "../tls/files.rs"]
#[allow(dead_code, reason = "its other part is for the tests of TLS")]
mod files;
mod live;
mod node;
mod rules;
mod scenes;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}
