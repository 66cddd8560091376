#![allow(missing_docs, reason = "docs/bots-report.schema.json says what each field of the report means")]

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{PlayerName, RoomName, Units};

use super::{Violation, limits::VIOLATIONS_SHOWN};

/// The result of a run. `docs/bots-report.schema.json` describes its JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub verdict: Judgement,
    pub room: RoomName,
    pub urls: Vec<String>,
    pub players: usize,
    pub assets: usize,
    pub units: Units,
    pub seed: u64,
    pub rate: f64,
    pub reconnect_chaos: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<HoldCounts>,
    pub rounds: u32,
    pub join_seconds: f64,
    pub race_seconds: f64,
    pub decisions: Decisions,
    pub reply_ms: Quantiles,
    pub everyone_knows_ms: Quantiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_ms: Option<Delivery>,
    pub deliveries: u64,
    pub snapshots: u64,
    pub reconnects: Reconnects,
    pub refreshes: u64,
    pub errors: BTreeMap<String, u64>,
    pub gave_up: Vec<GaveUp>,
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
    pub total: u64,
    pub per_second: f64,
    pub granted: u64,
    pub already_held: u64,
    pub sold_out: u64,
    pub undecided: u64,
}

/// What became of holds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HoldCounts {
    pub hold_ms: u64,
    pub confirm_share: f64,
    pub leave_share: f64,
    pub confirmed: u64,
    pub expired: u64,
    pub too_late: u64,
    pub undecided: u64,
    pub left: u64,
    pub abandoned: u64,
}

/// A distribution, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub count: u64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// The delay from a grant's first frame at any member to another member's frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Delivery {
    pub same_node: Quantiles,
    pub other_nodes: Quantiles,
}

/// Reconnected connections.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reconnects {
    pub total: u64,
    pub recovered: u64,
    pub cuts: u64,
}

/// A bot that gave up.
#[derive(Debug, Clone, Serialize)]
pub struct GaveUp {
    pub player: PlayerName,
    pub reason: String,
}

/// Violations: all are counted, the first few are kept.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Found {
    pub count: u64,
    pub shown: Vec<Shown>,
}

/// A violation with its message.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    pub message: String,
    #[serde(flatten)]
    pub violation: Violation,
}

impl Found {
    pub(super) fn push(&mut self, violation: Violation) {
        self.count += 1;
        if self.shown.len() < VIOLATIONS_SHOWN {
            self.shown.push(Shown { message: violation.to_string(), violation });
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.count += other.count;
        self.shown.extend(other.shown);
        self.shown.truncate(VIOLATIONS_SHOWN);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetName;

    #[test]
    fn violations_beyond_the_bound_are_counted() {
        let violation = |revision| Violation::WrongRevision { asset: AssetName::parse("a").unwrap(), revision };
        let (mut first, mut all) = (Found::default(), Found::default());
        (0..70).for_each(|revision| first.push(violation(revision)));
        all.push(violation(99));
        all.append(first);
        assert_eq!((all.count, all.shown.len()), (71, VIOLATIONS_SHOWN));
        assert_eq!(all.shown[0].violation, violation(99));
    }
}
