//! Decides a call on an asset as it was read. Pure: no clock, no driver, no waiting.

use super::{
    change::Change,
    record::{Counter, FIRST, Record},
};
use crate::{
    model::{Grant, PlayerName, Units},
    store::{Call, StoreErrorKind, Verdict, outcome::Outcome},
};

/// The request of a changing call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    Create { units: Units },
    Select { players: &'a [PlayerName], create: Option<Units> },
    Release { player: &'a PlayerName },
    Restock { n: Units, condition: Option<u64> },
    Remove,
}

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

const UNKNOWN: Outcome = Outcome::Refused(StoreErrorKind::UnknownAsset);

impl<'a> Ask<'a> {
    /// The players to look up.
    pub(super) fn players(&self) -> &'a [PlayerName] {
        match *self {
            Self::Select { players, .. } => players,
            Self::Release { player } => std::slice::from_ref(player),
            _ => &[],
        }
    }

    /// The units of an asset that this call would create.
    fn makes(&self) -> Option<Units> {
        match *self {
            Self::Create { units } => Some(units),
            Self::Select { create, .. } => create,
            _ => None,
        }
    }
}

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
    let made = record.is_none();
    let mut draft = match (record, ask.makes()) {
        (Some(record), _) => Draft::new(Some(record.counter.clone()), record, bounds),
        (None, Some(units)) => Draft::new(None, Record::new(units, origin), bounds),
        (None, None) => return Err(NothingThere),
    };
    let outcome = match answered {
        Some(outcome) => {
            draft.look_up(ask);
            outcome
        }
        None if made && draft.record.counter.units > bounds.units => {
            Outcome::Refused(StoreErrorKind::LimitReached)
        }
        // Even if no player got a unit, the call created the asset.
        None if made => {
            draft.run(call, ask);
            Outcome::Changed
        }
        None if draft.record.counter.removed && !matches!(ask, Ask::Create { .. }) => UNKNOWN,
        None => draft.run(call, ask),
    };
    Ok(draft.decision(call, outcome, answered.is_some()))
}

/// An asset while a call is decided.
struct Draft {
    before: Option<Counter>,
    record: Record,
    bounds: Bounds,
    granted: Vec<Grant>,
    struck: Option<Grant>,
    verdicts: Vec<Verdict>,
}

impl Draft {
    fn new(before: Option<Counter>, record: Record, bounds: Bounds) -> Self {
        Self { before, record, bounds, granted: Vec::new(), struck: None, verdicts: Vec::new() }
    }

    fn run(&mut self, call: Call, ask: Ask<'_>) -> Outcome {
        match ask {
            Ask::Create { units } => self.create(units),
            Ask::Select { players, .. } => self.select(call, players),
            Ask::Release { player } => self.release(player),
            Ask::Restock { n, condition } => self.restock(n, condition),
            Ask::Remove => self.remove(),
        }
    }

    fn create(&mut self, units: Units) -> Outcome {
        let counter = &mut self.record.counter;
        if self.before.is_none() {
            Outcome::Changed
        } else if counter.removed && units > self.bounds.units {
            Outcome::Refused(StoreErrorKind::LimitReached)
        } else if counter.removed {
            counter.revive(units);
            self.record.first.clear();
            Outcome::Changed
        } else if counter.created_units == units {
            Outcome::Unchanged
        } else {
            Outcome::Refused(StoreErrorKind::Conflict)
        }
    }

    fn select(&mut self, call: Call, players: &[PlayerName]) -> Outcome {
        for player in players {
            let verdict = match self.record.holding.get(player) {
                Some(&revision) => Verdict::AlreadyHeld { revision },
                None if self.granted.len() == self.bounds.grants && self.record.counter.remaining > 0 => break,
                None => self.grant(call, player),
            };
            self.verdicts.push(verdict);
        }
        if self.granted.is_empty() { Outcome::Unchanged } else { Outcome::Changed }
    }

    fn grant(&mut self, call: Call, player: &PlayerName) -> Verdict {
        let Some(revision) = self.record.counter.take() else { return Verdict::SoldOut };
        let grant = Grant { player: player.clone(), granted_at: call.at, revision };
        if self.record.first.len() < FIRST && self.record.first.len() + 1 == self.record.counter.held as usize {
            self.record.first.push(grant.clone());
        }
        self.granted.push(grant);
        Verdict::Granted { revision }
    }

    fn look_up(&mut self, ask: Ask<'_>) {
        let Ask::Select { players, .. } = ask else { return };
        let found = |player| match self.record.holding.get(player) {
            Some(&revision) => Verdict::AlreadyHeld { revision },
            None => Verdict::SoldOut,
        };
        self.verdicts = players.iter().map(found).collect();
    }

    fn release(&mut self, player: &PlayerName) -> Outcome {
        let Some(revision) = self.record.holding.remove(player) else {
            return Outcome::Refused(StoreErrorKind::NotHeld);
        };
        self.record.counter.give_back();
        self.record.first.retain(|grant| grant.revision != revision);
        self.struck = Some(Grant { player: player.clone(), granted_at: 0, revision });
        Outcome::Changed
    }

    fn restock(&mut self, n: Units, condition: Option<u64>) -> Outcome {
        let counter = &mut self.record.counter;
        if condition.is_some_and(|revision| revision != counter.revision) {
            return Outcome::Refused(StoreErrorKind::Conflict);
        }
        if counter.units.checked_add(n).is_none_or(|units| units > self.bounds.units) {
            return Outcome::Refused(StoreErrorKind::LimitReached);
        }
        counter.add(n);
        Outcome::Changed
    }

    fn remove(&mut self) -> Outcome {
        self.record.counter.remove();
        self.record.first.clear();
        Outcome::Changed
    }

    fn decision(self, call: Call, outcome: Outcome, repeated: bool) -> Decision {
        let Self { before, record, granted, struck, verdicts, .. } = self;
        let Record { counter, first, mut changes, .. } = record;
        let change = (outcome == Outcome::Changed && !repeated).then(|| {
            changes.record(call);
            let (after, first) = (counter.clone(), first.clone());
            Change { before, after, granted, struck, first, changes, at: call.at }
        });
        Decision { outcome, verdicts, change, counter, first }
    }
}
