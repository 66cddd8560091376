//! What processes use, and how latencies are spread.

use std::fs;
use std::time::Duration;

/// Time on the processor, user and system together, of all threads of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    /// Time it ran.
    pub ran: Duration,
    /// Time it could have run, while something else had the processor.
    pub waited: Duration,
}

impl Cpu {
    /// What a process has used so far.
    pub fn of(pid: u32) -> Self {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Self::default() };
        let mut all = Self::default();
        for task in tasks.flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap_or_default());
            all.ran += Duration::from_nanos(numbers.next().unwrap_or_default());
            all.waited += Duration::from_nanos(numbers.next().unwrap_or_default());
        }
        all
    }

    /// What was used in between.
    pub fn since(self, earlier: Self) -> Self {
        let ran = self.ran.saturating_sub(earlier.ran);
        Self { ran, waited: self.waited.saturating_sub(earlier.waited) }
    }
}

/// Resident memory of a process in bytes.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

/// Latencies in nanoseconds; 4 s and more are all the same.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

/// The middle and the end of latencies, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Half are at most that long.
    pub p50: f64,
    /// 99 % are at most that long.
    pub p99: f64,
}

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    /// `None` if there are none.
    pub fn percentiles(&mut self) -> Option<Percentiles> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        let at = |share: f64| f64::from(self.0[(last as f64 * share).round() as usize]) / 1000.0;
        Some(Percentiles { p50: at(0.5), p99: at(0.99) })
    }
}
