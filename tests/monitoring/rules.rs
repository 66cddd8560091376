//! The alerts as a file.

use std::{collections::BTreeSet, fs, path::Path};

use crate::engines::prometheus::promtool;

pub(crate) const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yaml");
const CASES: &str = include_str!("../../deploy/prometheus/alerts_test.yaml");

/// The same rules, in which an expression need not hold for longer than a second.
pub(crate) fn hasty() -> String {
    let hasty = |line: &str| match line.split_once("for: ") {
        Some((indentation, "0m")) => format!("{indentation}for: 0m\n"),
        Some((indentation, _)) if indentation.trim().is_empty() => format!("{indentation}for: 1s\n"),
        _ => format!("{line}\n"),
    };
    ALERTS.lines().map(hasty).collect()
}

/// The names of the alerts.
pub(crate) fn names() -> BTreeSet<String> {
    ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus"))
}

#[test]
fn promtool_has_nothing_against_the_rules() {
    let Some((is_fine, said)) = promtool(&["check", "rules", "alerts.yaml"], folder()) else { return };
    assert!(is_fine && said.contains(&format!("{} rules found", names().len())), "{said}");
}

#[test]
fn every_alert_fires_in_its_case_and_no_other_does() {
    let Some((is_fine, said)) = promtool(&["test", "rules", "alerts_test.yaml"], folder()) else { return };
    assert!(is_fine, "{said}");
    let without = |name: &String| !CASES.contains(&format!("alertname=\"{name}\""));
    assert_eq!(
        names().into_iter().filter(without).collect::<Vec<_>>(),
        Vec::<String>::new(),
        "alerts without a case"
    );
}

#[test]
fn the_cases_notice_a_threshold_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alerts_test.yaml"), CASES).unwrap();
    for (right, wrong) in
        [("_up == 0", "_up == 1"), ("> 0.001", "> 0.9"), ("> 0.8", "> 0.95"), ("for: 1m", "for: 1h")]
    {
        assert!(ALERTS.contains(right), "{right}");
        fs::write(folder.path().join("alerts.yaml"), ALERTS.replace(right, wrong)).unwrap();
        let Some((is_fine, said)) = promtool(&["test", "rules", "alerts_test.yaml"], folder.path()) else {
            return;
        };
        assert!(!is_fine && said.contains("FAILED"), "{wrong}: {said}");
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let alerts: Vec<_> = ALERTS.split("- alert: ").skip(1).collect();
    assert_eq!(alerts.len(), names().len(), "no name stands twice");
    for alert in alerts {
        let severity =
            ["critical", "warning", "info"].iter().any(|it| alert.contains(&format!("severity: {it}}}")));
        assert!(severity, "{alert}");
        for part in ["expr: ", "for: ", "summary: ", "description: "] {
            assert_eq!(alert.matches(&format!("  {part}")).count(), 1, "{part} of {alert}");
        }
    }
}
