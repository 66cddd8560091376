//! What the testsuite's report must say.

use std::collections::BTreeMap;

use serde_json::Value;

/// Cases in which the server differs from what the testsuite expects, but not from the RFC; each with its reason.
const NON_STRICT: [(&str, &str); 0] = [];

/// How many cases ended in each way.
pub(super) type Counts = BTreeMap<String, usize>;

/// Counts the cases of a report by how they ended.
///
/// # Errors
/// One line for each case that failed, for each that is non-strict without being listed or the other way around, and if there
/// are not as many cases as there must be.
pub(super) fn judge(report: &Value, cases: usize) -> Result<Counts, String> {
    judge_by(&NON_STRICT, report, cases)
}

fn judge_by(non_strict: &[(&str, &str)], report: &Value, cases: usize) -> Result<Counts, String> {
    let (mut counts, mut complaints) = (Counts::new(), Vec::new());
    let none = serde_json::Map::new();
    let report = report.as_object().unwrap_or(&none);
    if report.len() != cases {
        complaints.push(format!("{} cases were played, not {cases}", report.len()));
    }
    for (case, result) in report {
        let [behavior, close] =
            ["behavior", "behaviorClose"].map(|key| result[key].as_str().unwrap_or("missing"));
        let listed = non_strict.iter().any(|(name, _)| name == case);
        let is_non_strict = [behavior, close].contains(&"NON-STRICT");
        let well = [behavior, close].iter().all(|end| ["OK", "INFORMATIONAL", "NON-STRICT"].contains(end));
        if !well || listed != is_non_strict {
            complaints
                .push(format!("{case}: {behavior}, and it closes: {close} ({})", result["remoteCloseCode"]));
        }
        *counts.entry(behavior.to_owned()).or_default() += 1;
    }
    if complaints.is_empty() { Ok(counts) } else { Err(complaints.join("\n")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(behavior: &str, close: &str) -> Value {
        json!({"1.1.1": {"behavior": behavior, "behaviorClose": close, "remoteCloseCode": 1000}})
    }

    #[test]
    fn a_good_report_is_counted() {
        let report = of("OK", "INFORMATIONAL");
        assert_eq!(judge_by(&[], &report, 1), Ok(Counts::from([("OK".to_owned(), 1)])));
        let report = of("NON-STRICT", "OK");
        assert!(judge_by(&[("1.1.1", "a reason")], &report, 1).is_ok());
    }

    #[test]
    fn a_bad_report_is_refused() {
        for (behavior, close) in [
            ("FAILED", "OK"),
            ("OK", "FAILED"),
            ("OK", "WRONG CODE"),
            ("OK", "UNCLEAN"),
            ("UNIMPLEMENTED", "OK"),
            ("NON-STRICT", "OK"),
            ("OK", "NON-STRICT"),
        ] {
            assert!(judge_by(&[], &of(behavior, close), 1).is_err(), "{behavior}, {close}");
        }
        let listed = [("1.1.1", "a reason")];
        assert!(judge_by(&listed, &of("OK", "OK"), 1).is_err(), "the list is out of date");
        assert!(judge_by(&listed, &of("FAILED", "OK"), 1).is_err(), "the list is for non-strict cases only");
        for report in [json!({"1.1.1": {}}), json!({}), Value::Null] {
            assert!(judge_by(&[], &report, 1).is_err(), "{report}");
        }
        assert!(judge_by(&[], &of("OK", "OK"), 2).is_err(), "a case is missing");
    }
}
