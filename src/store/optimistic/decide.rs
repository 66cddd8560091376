//! Decides a call on an asset as it was read, by the rules of all stores.

use std::convert::Infallible;

use super::record::{Change, FIRST, Record};
use crate::{
    model::{AssetEvent, Grant, Millis, PlayerName, Units},
    store::{
        Call, Verdict,
        rules::{self, Ask, Asset, Counter, Decided, Ending, Outcome},
    },
};

/// What a decision must know of the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) units: Units,
    /// Maximum grants in one write.
    pub(super) grants: usize,
    pub(super) keeps_events: bool,
}

/// The result of deciding a call.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) outcome: Outcome,
    /// One verdict per selecting player; fewer if the grants do not fit into one write.
    pub(super) verdicts: Vec<Verdict>,
    /// After a confirmation or an extension: the player's grant.
    pub(super) grant: Option<Grant>,
    /// The change to write.
    pub(super) change: Option<Change>,
    /// The change only ends grants, and the call is to be decided again: it changes nothing else, or more grants are due
    /// than fit into one write.
    pub(super) only_ends: bool,
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
    let are_more_due = record.as_ref().is_some_and(|record| {
        let now = record.counter.time_of_change(call.at);
        answered.is_none()
            && !record.ending.due.is_empty()
            && record.ending.next.is_some_and(|next| next <= now)
    });
    let ask = if are_more_due { Ask::Expire } else { ask };
    let mut draft = match (record, ask.creates()) {
        (Some(record), _) => Draft::new(Some(record.counter.clone()), record, bounds),
        (None, Some(new)) => Draft::new(None, Record::new(new, origin, call.at), bounds),
        (None, None) => return Err(NothingThere),
    };
    let Ok(decided) = rules::decide(&mut draft, call, ask, created, answered, bounds.units);
    Ok(draft.decision(call, decided, are_more_due))
}

/// An asset while a call is decided.
struct Draft {
    before: Option<Counter>,
    record: Record,
    bounds: Bounds,
    granted: Vec<Grant>,
    struck: Vec<Grant>,
    leased: Vec<Grant>,
    events: Vec<AssetEvent>,
}

impl Draft {
    fn new(before: Option<Counter>, record: Record, bounds: Bounds) -> Self {
        let (granted, struck, leased, events) = Default::default();
        Self { before, record, bounds, granted, struck, leased, events }
    }

    fn decision(self, call: Call, decided: Decided, are_more_due: bool) -> Decision {
        let Self { before, record, granted, struck, leased, events, .. } = self;
        let Record { counter, first, mut changes, .. } = record;
        let changed = decided.changed();
        let Decided { outcome, verdicts, grant, .. } = decided;
        let only_ends = changed && (are_more_due || outcome != Outcome::Changed);
        let change = changed.then(|| {
            if !only_ends {
                changes.record(call, ());
            }
            Change { before, after: counter.clone(), granted, struck, leased, events, changes, at: call.at }
        });
        Decision { outcome, verdicts, grant, change, only_ends, counter, first }
    }
}

impl Asset for Draft {
    type Error = Infallible;

    fn counter(&mut self) -> &mut Counter {
        &mut self.record.counter
    }

    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>, Infallible> {
        Ok(self.record.holding.get(player).map(|grant| grant.revision))
    }

    fn grant(&mut self, player: &PlayerName) -> Result<Option<Grant>, Infallible> {
        Ok(self.record.holding.get(player).cloned())
    }

    fn ending(&mut self, _now: Millis) -> Result<Ending, Infallible> {
        Ok(self.record.ending.clone())
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

    fn set_lease(&mut self, grant: &Grant) -> Result<(), Infallible> {
        let listed = self.record.first.iter_mut().filter(|listed| listed.revision == grant.revision);
        listed.for_each(|listed| listed.lease = grant.lease);
        self.leased.push(grant.clone());
        Ok(())
    }

    fn remove_holder(&mut self, grant: &Grant) -> Result<(), Infallible> {
        self.record.holding.remove(&grant.player);
        self.record.first.retain(|listed| listed.revision != grant.revision);
        self.struck.push(grant.clone());
        Ok(())
    }

    fn clear_holders(&mut self) -> Result<(), Infallible> {
        self.record.first.clear();
        self.struck.clear();
        Ok(())
    }

    fn keeps_events(&self) -> bool {
        self.bounds.keeps_events
    }

    fn keep_event(&mut self, event: AssetEvent) -> Result<(), Infallible> {
        self.events.push(event);
        Ok(())
    }

    fn has_room_for_grant(&self) -> bool {
        self.granted.len() + self.struck.len() < self.bounds.grants
    }
}
