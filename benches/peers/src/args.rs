//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::servers::{self, Kind};
use super::workload::{self, Workload};

/// Runs that a figure in the documents takes at least.
pub const RUNS: u32 = 3;
/// Seconds of each of them.
pub const SECONDS: f64 = 2.0;

/// What to measure, and what to write.
#[derive(Clone, Debug)]
pub struct Args {
    /// The servers.
    pub kinds: Vec<Kind>,
    /// The workloads.
    pub workloads: Vec<(&'static str, Workload)>,
    /// How often.
    pub runs: u32,
    /// Our binary.
    pub binary: PathBuf,
    /// More flags of ours.
    pub flags: Vec<String>,
    /// Processors of the servers.
    pub cores: String,
    /// Processor of the generator.
    pub generator_core: usize,
    /// Threads of ours and of Centrifugo.
    pub threads: u32,
    /// Before a measurement.
    pub warm_up: Duration,
    /// A measurement.
    pub measure: Duration,
    /// Where to write every run.
    pub json: Option<PathBuf>,
    /// Where to draw the ratios.
    pub svg: Option<PathBuf>,
    /// Where to write the tables.
    pub markdown: Option<PathBuf>,
    /// Files of earlier runs, to be shown in place of new ones.
    pub from: Vec<PathBuf>,
}

impl Args {
    /// Reads flags.
    ///
    /// # Errors
    /// A flag is unknown, or its value is none.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            kinds: servers::ALL.to_vec(),
            workloads: workload::ALL.to_vec(),
            runs: RUNS,
            binary: PathBuf::new(),
            flags: Vec::new(),
            cores: servers::CORES.to_owned(),
            generator_core: 1,
            threads: 1,
            warm_up: Duration::from_millis(1000),
            measure: Duration::from_secs_f64(SECONDS),
            json: None,
            svg: None,
            markdown: None,
            from: Vec::new(),
        };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            args.set(&flag, &value)?;
        }
        Ok(args)
    }

    /// Whether this measures all that the documents show.
    pub fn is_complete(&self) -> bool {
        let all_kinds = servers::ALL.iter().all(|kind| self.kinds.contains(kind));
        let all_workloads = workload::ALL.iter().all(|workload| self.workloads.contains(workload));
        let default = super::versions::is_default(&json!({ "flags": self.to_json() }));
        all_kinds && all_workloads && self.runs >= RUNS && default
    }

    /// What matters for the numbers.
    pub fn to_json(&self) -> Value {
        json!({
            "cores": self.cores,
            "generator_core": self.generator_core,
            "threads": self.threads,
            "args": self.flags,
            "warm_up": self.warm_up.as_secs_f64(),
            "seconds": self.measure.as_secs_f64(),
        })
    }

    fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let bad = || format!("{flag} cannot be '{value}'");
        let whole = || value.parse::<u32>().ok().filter(|&number| number > 0).ok_or_else(bad);
        let seconds = || value.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(bad);
        match flag {
            "--only" => self.kinds = list(value, Kind::named).ok_or_else(bad)?,
            "--workloads" => {
                let named = |name: &str| workload::ALL.into_iter().find(|(known, _)| *known == name);
                self.workloads = list(value, named).ok_or_else(bad)?;
            }
            "--runs" => self.runs = whole()?,
            "--binary" => self.binary = value.into(),
            "--args" => self.flags = value.split_whitespace().map(str::to_owned).collect(),
            "--cores" => self.cores = value.to_owned(),
            "--generator-core" => self.generator_core = value.parse().map_err(|_| bad())?,
            "--threads" => self.threads = whole()?,
            "--warm-up" => self.warm_up = seconds()?,
            "--seconds" => self.measure = seconds()?,
            "--json" => self.json = Some(value.into()),
            "--svg" => self.svg = Some(value.into()),
            "--markdown" => self.markdown = Some(value.into()),
            "--from" => self.from = value.split(',').map(PathBuf::from).collect(),
            _ => return Err(format!("there is no flag {flag}")),
        }
        Ok(())
    }
}

fn list<T>(value: &str, named: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.split(',').map(named).collect()
}
