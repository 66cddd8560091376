//! What was measured, as JSON and as a table.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::args;
use super::game::Outcome;
use super::servers::{self, Kind};
use super::usage::Percentiles;
use super::versions;
use super::workload::{self, Workload};

/// Waiting for a processor for more than this share of a measurement is told.
const CROWDED: f64 = 0.1;

/// One run of a workload on a server, for the JSON.
pub fn run(
    number: u32,
    kind: Kind,
    name: &str,
    workload: Workload,
    outcome: &Result<Outcome, String>,
) -> Value {
    let mut value = json!({ "run": number, "server": kind.name, "workload": name, "unit": workload.unit() });
    let fields = value.as_object_mut().expect("it is an object");
    match outcome {
        Err(error) => drop(fields.insert("error".to_owned(), json!(error))),
        Ok(outcome) => fields.append(&mut measured(workload, outcome)),
    }
    value
}

fn measured(workload: Workload, outcome: &Outcome) -> Map<String, Value> {
    let units = outcome.units.max(1) as f64;
    let per_unit = |time: std::time::Duration| round(time.as_secs_f64() * 1e6 / units);
    let share = |time: std::time::Duration| round(time.as_secs_f64() / outcome.seconds);
    let percentiles = |p: Percentiles| json!({ "p50": round(p.p50), "p99": round(p.p99) });
    let per = match workload.measure() {
        "KB" => round(outcome.bytes as f64 / 1000.0 / units),
        _ => per_unit(outcome.server.ran),
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("units", json!(outcome.units));
    put("seconds", json!(round(outcome.seconds)));
    put(if workload.measure() == "KB" { "kb_per_unit" } else { "us_per_unit" }, json!(per));
    if !outcome.redis.ran.is_zero() && workload.measure() == "us" {
        put("redis_us_per_unit", json!(per_unit(outcome.redis.ran)));
    }
    if let Some(reply) = outcome.reply {
        put("reply_us", percentiles(reply));
    }
    if let Some(known) = outcome.known {
        put("everyone_knows_us", percentiles(known));
    }
    put("server_busy", json!(share(outcome.server.ran)));
    put("server_waited", json!(share(outcome.server.waited)));
    put("generator_busy", json!(share(outcome.generator.ran)));
    put("generator_waited", json!(share(outcome.generator.waited)));
    fields
}

/// A line for those who wait. It says if something else had the processors, because latencies then say little.
pub fn progress(run: &Value, runs: u32) -> String {
    let text = |name: &str| run[name].as_str().unwrap_or_default();
    let (number, workload, server) = (&run["run"], text("workload"), text("server"));
    let what = match (run["error"].as_str(), per_unit(run)) {
        (Some(error), _) => format!("WRONG: {error}"),
        (None, per) => digits(per.unwrap_or_default()),
    };
    let waited = |name: &str| run[name].as_f64().is_some_and(|share| share > CROWDED);
    // A Redis shares the server's core on purpose.
    let crowded = waited("generator_waited") || waited("server_waited") && !server.ends_with("-redis");
    let note = if crowded { "  (other programs had the processors for a while)" } else { "" };
    format!("{number}/{runs} {workload:<11} {server:<11} {what}{note}")
}

/// Whether measurements have all that the documents show.
pub fn is_complete(all: &Value) -> bool {
    let runs = all["runs"].as_array().map_or(&[][..], |runs| runs);
    let enough = |kind: Kind, name: &str| {
        let right = runs.iter().filter(|run| run["server"] == kind.name && run["workload"] == name);
        right.count() >= args::RUNS as usize
    };
    let every = workload::ALL.into_iter().all(|(name, workload)| {
        servers::ALL.into_iter().filter(|kind| kind.plays(workload)).all(|kind| enough(kind, name))
    });
    let default = all["measurements"].as_array().is_some_and(|all| all.iter().all(versions::is_default));
    every && default && runs.iter().all(|run| run["error"].is_null())
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// The medians of all runs; one object for each server and workload, in the order of the tables.
pub fn medians(runs: &[Value]) -> Vec<Value> {
    let mut medians = Vec::new();
    for (name, workload) in workload::ALL {
        let of = |kind: Kind| -> Vec<&Value> {
            runs.iter().filter(|run| run["server"] == kind.name && run["workload"] == name).collect()
        };
        let ours = median(&of(servers::ALL[0]), per_unit);
        for kind in servers::ALL {
            let runs = of(kind);
            let Some(first) = runs.first() else { continue };
            let mut value =
                json!({ "server": kind.name, "workload": name, "unit": first["unit"], "runs": runs.len() });
            if let Some(run) = runs.iter().find(|run| !run["error"].is_null()) {
                value["error"] = run["error"].clone();
                medians.push(value);
                continue;
            }
            let mut put = |name: &str, number: Option<f64>| {
                if let Some(number) = number {
                    value[name] = json!(round(number));
                }
            };
            let per = median(&runs, per_unit);
            put(if workload.measure() == "KB" { "kb_per_unit" } else { "us_per_unit" }, per);
            put("ratio_to_ours", per.zip(ours.filter(|&ours| ours > 0.0)).map(|(per, ours)| per / ours));
            put("redis_us_per_unit", median(&runs, |run| run["redis_us_per_unit"].as_f64()));
            let speed = |run: &Value| Some(run["units"].as_f64()? / run["seconds"].as_f64()?);
            put("units_per_second", median(&runs, speed));
            for latency in ["reply", "everyone_knows"] {
                for part in ["p50", "p99"] {
                    let at = |run: &Value| run[format!("{latency}_us")][part].as_f64();
                    put(&format!("{latency}_{part}_us"), median(&runs, at));
                }
            }
            medians.push(value);
        }
    }
    medians
}

fn per_unit(run: &Value) -> Option<f64> {
    run["us_per_unit"].as_f64().or(run["kb_per_unit"].as_f64())
}

fn median(runs: &[&Value], number: impl Fn(&Value) -> Option<f64>) -> Option<f64> {
    let mut numbers: Vec<_> = runs.iter().filter_map(|run| number(run)).collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() % 2 {
        _ if numbers.is_empty() => None,
        1 => Some(numbers[middle]),
        _ => Some(f64::midpoint(numbers[middle - 1], numbers[middle])),
    }
}

/// All of it, with a line for each measurement, median and run.
pub fn json(all: &Value) -> String {
    let parts = ["measurements", "medians", "runs"].map(|part| {
        let lines: Vec<_> =
            all[part].as_array().into_iter().flatten().map(|value| format!("    {value}")).collect();
        format!("  \"{part}\": [\n{}\n  ]", lines.join(",\n"))
    });
    format!("{{\n{}\n}}\n", parts.join(",\n"))
}

/// What stands above the tables: when, where and what was measured.
pub fn head(all: &Value) -> String {
    let mut text =
        "<!-- Written by benches/peers/run --markdown. -->\n\n# Measured beside other servers\n\n".to_owned();
    let mut seen = BTreeSet::new();
    for measurement in all["measurements"].as_array().into_iter().flatten() {
        let said = |name: &str| measurement[name].as_str().unwrap_or("unknown");
        let versions = measurement["versions"].as_object().into_iter().flatten();
        let versions: Vec<_> =
            versions.map(|(name, v)| format!("{name} {}", v.as_str().unwrap_or("?"))).collect();
        let line = format!("{}; {}; {}.", said("date"), said("machine"), versions.join(", "));
        if seen.insert(line.clone()) {
            let _ = writeln!(text, "{line}\n");
        }
    }
    text + "README.md says what the workloads and columns are. Latencies are in microseconds.\n"
}

/// The medians as a Markdown table for people.
pub fn table(medians: &[Value]) -> String {
    let shown: BTreeSet<_> = medians.iter().filter_map(|row| row["workload"].as_str()).collect();
    let mut text = String::new();
    for (name, workload) in workload::ALL.into_iter().filter(|(name, _)| shown.contains(name)) {
        let per = format!("{} / {}", workload.measure(), workload.unit());
        let _ = writeln!(
            text,
            "| {name:<20} | {per:>15} | {:>6} | {:>8} | {:>17} | {:>17} |",
            "ratio", "a second", "reply p50/p99", "all know p50/p99"
        );
        let _ = writeln!(text, "|{:-<22}|{:->16}:|{:->7}:|{:->9}:|{:->18}:|{:->18}:|", "", "", "", "", "", "");
        for row in medians.iter().filter(|row| row["workload"] == name) {
            let _ = writeln!(text, "{}", line(row));
        }
        text.push('\n');
    }
    text
}

fn line(row: &Value) -> String {
    let title = Kind::named(row["server"].as_str().unwrap_or_default()).map_or("", |kind| kind.title);
    if let Some(error) = row["error"].as_str() {
        let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
        return format!("| {title:<20} | WRONG: {error} |");
    }
    let number = |value: Option<f64>| value.map_or_else(String::new, digits);
    let mut per = number(per_unit(row));
    if let Some(redis) = row["redis_us_per_unit"].as_f64() {
        let _ = write!(per, " + {}", digits(redis));
    }
    let ratio = row["ratio_to_ours"].as_f64().map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    let speed = row["units_per_second"].as_f64().filter(|_| row["kb_per_unit"].is_null());
    let speed = speed.map_or_else(String::new, |speed| format!("{speed:.0}"));
    let latency = |name: &str| {
        let part = |part: &str| row[format!("{name}_{part}_us")].as_f64();
        part("p50").zip(part("p99")).map_or_else(String::new, |(p50, p99)| format!("{p50:.0} / {p99:.0}"))
    };
    let (reply, known) = (latency("reply"), latency("everyone_knows"));
    format!("| {title:<20} | {per:>15} | {ratio:>6} | {speed:>8} | {reply:>17} | {known:>17} |")
}

fn digits(number: f64) -> String {
    if number < 10.0 { format!("{number:.2}") } else { format!("{number:.1}") }
}
