use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{PlayerName, RoomName, Units};

use super::Violation;

/// What came of a run; `docs/bots-report.schema.json` describes its JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Was the promise kept?
    pub verdict: Judgement,
    /// Where the race was.
    pub room: RoomName,
    /// The servers.
    pub urls: Vec<String>,
    /// How many bots.
    pub players: usize,
    /// Assets per round.
    pub assets: usize,
    /// Units of each.
    pub units: Units,
    /// To run the same again.
    pub seed: u64,
    /// Selects per second that were asked for; 0 for as fast as possible.
    pub rate: f64,
    /// The probability of a cut after a select.
    pub reconnect_chaos: f64,
    /// Rounds played.
    pub rounds: u32,
    /// How long it took until everybody had joined.
    pub join_seconds: f64,
    /// From the start to the last reply, summed over the rounds.
    pub race_seconds: f64,
    /// What the server decided.
    pub decisions: Decisions,
    /// From a select's first sending to its answer, reconnects in between included.
    pub reply_ms: Quantiles,
    /// From the first sending of the select that won to the moment at which the last member knew of it.
    pub everyone_knows_ms: Quantiles,
    /// How much later than the first member others were told of the same grant; only of a race on several nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_ms: Option<Delivery>,
    /// `asset_granted` frames that members received.
    pub deliveries: u64,
    /// Snapshots that members received after their welcome.
    pub snapshots: u64,
    /// Connections that ended and came back.
    pub reconnects: Reconnects,
    /// Everything that went wrong on the way, by kind: error codes, `closed_<code>`, failed connections.
    pub errors: BTreeMap<String, u64>,
    /// Bots that did not come back.
    pub gave_up: Vec<GaveUp>,
    /// How the promise was broken.
    pub violations: Found,
}

/// The judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Every select was decided and the promise was kept.
    Held,
    /// There is at least one violation.
    Broken,
    /// No violation, but bots gave up or selects were never decided, so that not all could be judged.
    Unproven,
}

/// Selects by their answers.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Decisions {
    /// Granted, already held and sold out.
    pub total: u64,
    /// Per second of race.
    pub per_second: f64,
    /// Units given.
    pub granted: u64,
    /// Given before: to an earlier run, or by an answer that was lost.
    pub already_held: u64,
    /// Denied.
    pub sold_out: u64,
    /// Selects without a decision: refused with an error, or repeated until patience was over.
    pub undecided: u64,
}

/// A distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many values there were; without any, the rest is 0.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// Nine of ten are at most this.
    pub p90: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The worst.
    pub max: f64,
}

/// From a grant's first frame to any member until the frame of another member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Delivery {
    /// To a member on the same node.
    pub same_node: Quantiles,
    /// To a member on another node.
    pub other_nodes: Quantiles,
}

/// Connections that ended and came back.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reconnects {
    /// All of them.
    pub total: u64,
    /// Of those, how many were told just what they had missed.
    pub recovered: u64,
    /// How many connections the bots themselves cut.
    pub cuts: u64,
}

/// A bot that did not come back.
#[derive(Debug, Clone, Serialize)]
pub struct GaveUp {
    /// Which.
    pub player: PlayerName,
    /// Why.
    pub reason: String,
}

/// Violations: the first few in full, all by count.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Found {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub shown: Vec<Shown>,
}

/// A violation with its sentence.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// What a person reads.
    pub message: String,
    /// What a program reads.
    #[serde(flatten)]
    pub violation: Violation,
}

impl Report {
    /// Whether every select was decided and the promise was kept.
    #[must_use]
    pub fn held(&self) -> bool {
        self.verdict == Judgement::Held
    }

    /// The process exit code: 0 held, 3 broken, 1 not to be judged.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Judgement::Held => 0,
            Judgement::Broken => 3,
            Judgement::Unproven => 1,
        }
    }
}
