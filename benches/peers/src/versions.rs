//! What was measured on what.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::args::Args;
use super::servers::{self, Places};

/// The npm packages whose versions are told.
const PACKAGES: [&str; 5] = ["bun", "ws", "ioredis", "socket.io", "@colyseus/core"];

/// When, on which machine, and in which versions.
pub fn measurement(args: &Args, places: &Places) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({ "at": now.as_secs(), "date": date(now.as_secs() / 86400), "machine": machine(), "versions": versions(args, places) })
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = info.lines().filter(|line| line.starts_with("model name"));
    let model =
        models.next().and_then(|line| line.split_once(": ")).map_or("unknown", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} cores, {model}, Linux {}",
        1 + models.count(),
        kernel.split('-').next().unwrap_or_default().trim()
    )
}

fn versions(args: &Args, places: &Places) -> Value {
    let mut versions = Map::new();
    let mut put = |name: &str, version: Option<String>| {
        if let Some(version) = version {
            versions.insert(name.to_owned(), json!(version));
        }
    };
    put("asset-arbiter", said(&places.binary, "--version", "asset-arbiter "));
    for package in PACKAGES {
        put(package, package_version(&places.modules.join(package)));
    }
    if args.kinds.iter().any(|kind| kind.needs_node()) {
        put("node", said(Path::new("node"), "--version", "v"));
    }
    if args.kinds.iter().any(|kind| kind.redis) {
        let redis = said(Path::new("redis-server"), "--version", "Redis server v=");
        put("redis", redis.and_then(|text| text.split(' ').next().map(str::to_owned)));
    }
    // The folder is named after it, because a build of a module does not know its own.
    let folder =
        places.centrifugo.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    put("centrifugo", folder.and_then(|name| name.strip_prefix("centrifugo-").map(str::to_owned)));
    Value::Object(versions)
}

fn said(program: &Path, flag: &str, prefix: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(text.strip_prefix(prefix).map(str::to_owned).unwrap_or(text))
}

fn package_version(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join("package.json")).ok()?;
    let package: Value = serde_json::from_str(&text).ok()?;
    package["version"].as_str().map(str::to_owned)
}

/// The date of a day counted from 1970, like `2026-11-28`. Years begin in March here, so that a leap day is the last.
pub fn date(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + next)
}

/// Whether nothing but the default was measured: one core and one thread, no more flags of ours.
pub fn is_default(measurement: &Value) -> bool {
    let flags = &measurement["flags"];
    let seconds = flags["seconds"].as_f64().unwrap_or_default();
    flags["cores"] == servers::CORES
        && flags["threads"] == 1
        && flags["args"].as_array().is_some_and(Vec::is_empty)
        && seconds >= super::args::SECONDS
}
