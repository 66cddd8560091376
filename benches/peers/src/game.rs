//! Plays a workload on a server, checks every answer, and measures.

mod crowd;
mod play;

use std::net::SocketAddr;
use std::time::Duration;

use super::dialect::Dialect;
use super::usage::{self, Percentiles};
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
    pub server: Duration,
    /// The same of Redis.
    pub redis: Duration,
    /// The same of the generator.
    pub generator: Duration,
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
    server: Duration,
    redis: Duration,
    generator: Duration,
}

impl Mark {
    fn now(server: &Server) -> Self {
        Self {
            server: usage::cpu(server.pid),
            redis: server.redis.map(usage::cpu).unwrap_or_default(),
            generator: usage::cpu(std::process::id()),
        }
    }

    fn since(self, earlier: Self) -> Outcome {
        Outcome {
            server: self.server.saturating_sub(earlier.server),
            redis: self.redis.saturating_sub(earlier.redis),
            generator: self.generator.saturating_sub(earlier.generator),
            ..Outcome::default()
        }
    }
}
