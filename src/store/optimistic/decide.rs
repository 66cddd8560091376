//! Decides a call on an asset as it was read, by the rules of all stores.

use std::convert::Infallible;

use super::record::{Change, FIRST, Record};
use crate::{
    model::{Grant, PlayerName, Units},
    store::{
        Call, Verdict,
        rules::{self, Ask, Asset, Counter, Decided, Outcome},
    },
};

/// The bounds of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) units: Units,
    /// Maximum grants in one write.
    pub(super) grants: usize,
}

/// The result of deciding a call.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) outcome: Outcome,
    /// One verdict per selecting player; fewer if the grants do not fit into one write.
    pub(super) verdicts: Vec<Verdict>,
    /// The change to write.
    pub(super) change: Option<Change>,
    /// The asset after the call.
    pub(super) counter: Counter,
    pub(super) first: Vec<Grant>,
}

/// There is no such asset, not even a tombstone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NothingThere;

/// Decides a call. `answered` is the outcome if the call was executed before: then nothing is changed, and
/// players are only looked up. `origin` is used if the call creates the asset.
pub(super) fn decide(
    call: Call,
    ask: Ask<'_>,
    record: Option<Record>,
    answered: Option<Outcome>,
    bounds: Bounds,
    origin: u64,
) -> Result<Decision, NothingThere> {
    let created = record.is_none();
    let mut draft = match (record, ask.creates()) {
        (Some(record), _) => Draft::new(Some(record.counter.clone()), record, bounds),
        (None, Some(units)) => Draft::new(None, Record::new(units, origin), bounds),
        (None, None) => return Err(NothingThere),
    };
    let Ok(decided) = rules::decide(&mut draft, call, ask, created, answered, bounds.units);
    Ok(draft.decision(call, decided))
}

/// An asset while a call is decided.
struct Draft {
    before: Option<Counter>,
    record: Record,
    bounds: Bounds,
    granted: Vec<Grant>,
    struck: Option<Grant>,
}

impl Draft {
    fn new(before: Option<Counter>, record: Record, bounds: Bounds) -> Self {
        Self { before, record, bounds, granted: Vec::new(), struck: None }
    }

    fn decision(self, call: Call, decided: Decided) -> Decision {
        let Self { before, record, granted, struck, .. } = self;
        let Record { counter, first, mut changes, .. } = record;
        let Decided { outcome, verdicts, repeated } = decided;
        let change = (outcome == Outcome::Changed && !repeated).then(|| {
            changes.record(call, ());
            let (after, first) = (counter.clone(), first.clone());
            Change { before, after, granted, struck, first, changes, at: call.at }
        });
        Decision { outcome, verdicts, change, counter, first }
    }
}

impl Asset for Draft {
    type Error = Infallible;

    fn counter(&mut self) -> &mut Counter {
        &mut self.record.counter
    }

    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>, Infallible> {
        Ok(self.record.holding.get(player).copied())
    }

    fn add_holder(&mut self, grant: Grant) -> Result<(), Infallible> {
        let Record { counter, first, .. } = &mut self.record;
        // The list of first holders may only grow while it is complete.
        if first.len() < FIRST && first.len() + 1 == counter.held as usize {
            first.push(grant.clone());
        }
        self.granted.push(grant);
        Ok(())
    }

    fn remove_holder(&mut self, player: &PlayerName, revision: u64) -> Result<(), Infallible> {
        self.record.holding.remove(player);
        self.record.first.retain(|grant| grant.revision != revision);
        self.struck = Some(Grant { player: player.clone(), granted_at: 0, revision });
        Ok(())
    }

    fn clear_holders(&mut self) -> Result<(), Infallible> {
        self.record.first.clear();
        Ok(())
    }

    fn has_room_for_grant(&self) -> bool {
        self.granted.len() < self.bounds.grants
    }
}
