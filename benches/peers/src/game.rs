//! Plays a workload on a server, checks every answer, and measures.

mod crowd;
mod play;

use std::net::SocketAddr;
use std::time::Duration;

use super::dialect::Dialect;
use super::usage::{Cpu, Percentiles};
use super::workload::Workload;

/// A server that runs.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Its process.
    pub pid: u32,
    /// Its Redis, if it has one.
    pub redis: Option<u32>,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Before the measurement begins.
    pub warm_up: Duration,
    /// The measurement.
    pub measure: Duration,
    /// How long to wait for what is missing.
    pub patience: Duration,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Decisions, deliveries, joins or connections.
    pub units: u64,
    /// How long it took.
    pub seconds: f64,
    /// Processor time of the server for all of them.
    pub server: Cpu,
    /// The same of Redis.
    pub redis: Cpu,
    /// The same of the generator.
    pub generator: Cpu,
    /// Memory that was added.
    pub bytes: u64,
    /// From a select to its reply, or from connecting to having joined.
    pub reply: Option<Percentiles>,
    /// From the first select of an asset until all members were told who has it.
    pub known: Option<Percentiles>,
}

/// Plays `workload` on `server`.
///
/// # Errors
/// The server is wrong, or gone.
pub fn run(workload: Workload, server: &Server, timing: Timing) -> Result<Outcome, String> {
    match workload {
        Workload::Joins { players } => crowd::joins(server, players, timing),
        Workload::Idle { players } => crowd::idle(server, players, timing),
        _ => play::run(workload, server, timing),
    }
}

/// Processor time so far.
#[derive(Clone, Copy)]
struct Mark {
    server: Cpu,
    redis: Cpu,
    generator: Cpu,
}

impl Mark {
    fn now(server: &Server) -> Self {
        let redis = server.redis.map(Cpu::of).unwrap_or_default();
        Self { server: Cpu::of(server.pid), redis, generator: Cpu::of(std::process::id()) }
    }

    fn since(self, earlier: Self) -> Outcome {
        Outcome {
            server: self.server.since(earlier.server),
            redis: self.redis.since(earlier.redis),
            generator: self.generator.since(earlier.generator),
            ..Outcome::default()
        }
    }
}
