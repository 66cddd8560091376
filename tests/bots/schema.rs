//! The schema of the bots' report, and a validator for the part of JSON Schema that it uses.

use asset_arbiter::bots::{self, Report};
use serde_json::Value;

/// In what a report's JSON is not as documented.
pub(crate) fn undocumented(of: &Report) -> Vec<String> {
    faults(&report(), &serde_json::from_str(&bots::json(of)).unwrap())
}

/// The schema of a report.
pub(crate) fn report() -> Value {
    serde_json::from_str(include_str!("../../docs/bots-report.schema.json")).unwrap()
}

/// What is wrong with `value`, by path; empty when nothing is.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("a reference leads somewhere");
        return check(root, target, value, path, found);
    }
    if let Some(kind) = schema["type"].as_str()
        && !is(kind, value)
    {
        found.push(format!("{path}: {value} is no {kind}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{path}: {value} is none of {allowed:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            found.push(format!("{path}: {name} is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match schema["properties"].get(name).or(schema.get("additionalProperties")) {
            Some(Value::Bool(false)) | None => found.push(format!("{path}: undocumented")),
            Some(schema) => check(root, schema, field, &path, found),
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(root, &schema["items"], item, &format!("{path}[{index}]"), found);
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the validator does not know {other}"),
    }
}
