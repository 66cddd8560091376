//! What processes use, and what a node counts.

#![allow(dead_code, reason = "every benchmark uses its own part")]

use std::fs;

/// Processor time a process has used, in microseconds: the 14th and 15th word of its `stat`, in hundredths of a
/// second, counted past the name, which may have spaces in it.
pub(crate) fn busy(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let words = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    words.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() * 10_000.0
}

/// Memory of a process that is not swapped out, in bytes.
pub(crate) fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// The sum of all lines of a node's metrics that begin with `name`.
pub(crate) fn sum(metrics: &str, name: &str) -> f64 {
    let values = metrics.lines().filter(|line| line.starts_with(name));
    values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
