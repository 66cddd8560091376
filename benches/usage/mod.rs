//! Resource usage of processes and of the machine, and metrics of nodes.

#![allow(dead_code, reason = "every benchmark uses its own part")]

use std::fs;

/// Processor time of a process in microseconds.
pub(crate) fn busy(process: u32) -> f64 {
    processor(process).iter().sum()
}

/// The same in user and in system mode: fields 14 and 15 of its `stat`, in hundredths of a second, counted after the
/// name, which may contain spaces.
pub(crate) fn processor(process: u32) -> [f64; 2] {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let words: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2).collect();
    [0, 1].map(|field| words[field].parse::<f64>().unwrap() * 10_000.0)
}

/// Processor time of the whole machine in microseconds: all of the first line of `/proc/stat` but the idle time, which
/// is fields 4 and 5.
pub(crate) fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> =
        stat.lines().next().unwrap().split_whitespace().skip(1).flat_map(str::parse).collect();
    (ticks[..8].iter().sum::<f64>() - ticks[3] - ticks[4]) * 10_000.0
}

/// Resident memory of a process in bytes.
pub(crate) fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// The sum of all metrics of a node whose lines begin with `name`.
pub(crate) fn sum(metrics: &str, name: &str) -> f64 {
    let values = metrics.lines().filter(|line| line.starts_with(name));
    values.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
