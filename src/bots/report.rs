use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{PlayerName, RoomName, Units};

use super::Violation;

/// The result of a run. `docs/bots-report.schema.json` describes its JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether the promise was kept.
    pub verdict: Judgement,
    /// The room of the race.
    pub room: RoomName,
    /// The servers.
    pub urls: Vec<String>,
    /// The number of bots.
    pub players: usize,
    /// Assets per round.
    pub assets: usize,
    /// Units of each asset.
    pub units: Units,
    /// The seed, for repeating the run.
    pub seed: u64,
    /// Requested selects per second; 0 is as fast as possible.
    pub rate: f64,
    /// The probability of a cut after a select.
    pub reconnect_chaos: f64,
    /// Rounds played.
    pub rounds: u32,
    /// Seconds until every bot had joined.
    pub join_seconds: f64,
    /// Seconds from start to last reply, summed over the rounds.
    pub race_seconds: f64,
    /// The server's decisions.
    pub decisions: Decisions,
    /// From the first attempt of a select to its answer, including reconnects.
    pub reply_ms: Quantiles,
    /// From the first attempt of the winning select until the last member knew of the grant.
    pub everyone_knows_ms: Quantiles,
    /// The delay between the first member's frame of a grant and the others'; only with several nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_ms: Option<Delivery>,
    /// `asset_granted` frames received by members.
    pub deliveries: u64,
    /// Snapshots received by members after their welcome.
    pub snapshots: u64,
    /// Reconnected connections.
    pub reconnects: Reconnects,
    /// Errors by kind: error codes, `closed_<code>`, failed connections.
    pub errors: BTreeMap<String, u64>,
    /// Bots that gave up.
    pub gave_up: Vec<GaveUp>,
    /// The violations of the promise.
    pub violations: Found,
}

/// The judgement of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Every select was decided and the promise was kept.
    Held,
    /// There is at least one violation.
    Broken,
    /// There is no violation, but bots gave up or selects were never decided, so the judgement is incomplete.
    Unproven,
}

/// Selects by their answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Decisions {
    /// Granted, already held and sold out.
    pub total: u64,
    /// Decisions per second of race.
    pub per_second: f64,
    /// Units granted.
    pub granted: u64,
    /// The player held a unit already: from an earlier run, or by an answer that was lost.
    pub already_held: u64,
    /// Denied selects.
    pub sold_out: u64,
    /// Selects without a decision: refused with an error, or retried until the time ran out.
    pub undecided: u64,
}

/// A distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The number of values. If it is 0, so is the rest.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
}

/// The delay from a grant's first frame at any member to another member's frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// To a member on the same node.
    pub same_node: Quantiles,
    /// To a member on another node.
    pub other_nodes: Quantiles,
}

/// Reconnected connections.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reconnects {
    /// All reconnects.
    pub total: u64,
    /// Reconnects that resumed from the log.
    pub recovered: u64,
    /// Connections cut by the bots themselves.
    pub cuts: u64,
}

/// A bot that gave up.
#[derive(Debug, Clone, Serialize)]
pub struct GaveUp {
    /// The bot's name.
    pub player: PlayerName,
    /// Why the bot gave up.
    pub reason: String,
}

/// Violations: all are counted, the first few are kept.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Found {
    /// The number of violations.
    pub count: u64,
    /// The first few violations.
    pub shown: Vec<Shown>,
}

/// A violation with its message.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The message, for people.
    pub message: String,
    /// The details, for programs.
    #[serde(flatten)]
    pub violation: Violation,
}

impl Report {
    /// Returns true if every select was decided and the promise was kept.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdict == Judgement::Held
    }

    /// The process exit code: 0 held, 3 broken, 1 unproven.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Judgement::Held => 0,
            Judgement::Broken => 3,
            Judgement::Unproven => 1,
        }
    }
}
