//! The rules of a decision, for every store that decides in this process. Pure: no clock, no driver, no waiting.
//! Redis decides in a script of its own; a test plays the same calls to both and compares every answer.

use super::{Call, StoreError, StoreErrorKind, Verdict};
use crate::model::{AssetName, AssetState, Grant, PlayerName, RevisionRow, Units, limits::HOLDERS_SHOWN};

/// The request of a changing call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    Create { units: Units },
    Select { players: &'a [PlayerName], create: Option<Units> },
    Release { player: &'a PlayerName },
    Restock { n: Units, condition: Option<u64> },
    Reset,
    Remove,
}

/// The outcome of a changing call. A store keeps it with the call's number, so that a retry gets the same
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Changed,
    /// The asset was in the requested state already, or was sold out.
    Unchanged,
    Refused(StoreErrorKind),
}

/// The stored state of an asset without its holders. `remaining` is never negative, because only winners are
/// recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Counter {
    pub(in crate::store) units: Units,
    pub(in crate::store) remaining: Units,
    pub(in crate::store) held: Units,
    pub(in crate::store) revision: u64,
    /// Random, drawn when the record was created. Distinguishes it from an earlier record of the same name that
    /// was removed with its room.
    pub(in crate::store) origin: u64,
    /// The revision at which the current incarnation began. Creating a removed asset again begins a new
    /// incarnation, and so does a reset; holders of earlier ones do not count.
    pub(in crate::store) creation: u64,
    pub(in crate::store) created_units: Units,
    pub(in crate::store) removed: bool,
}

/// An asset under decision: its counter, and its holders wherever the store keeps them.
pub(super) trait Asset {
    /// The error of reading or changing the holders.
    type Error;

    fn counter(&mut self) -> &mut Counter;

    /// The revision of the player's grant; `None`: the player holds no unit.
    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>, Self::Error>;

    fn add_holder(&mut self, grant: Grant) -> Result<(), Self::Error>;

    fn remove_holder(&mut self, player: &PlayerName, revision: u64) -> Result<(), Self::Error>;

    /// Removes all holders, because the incarnation ends.
    fn clear_holders(&mut self) -> Result<(), Self::Error>;

    /// Whether one more grant fits into the write.
    fn has_room_for_grant(&self) -> bool {
        true
    }
}

/// The result of a decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) outcome: Outcome,
    /// One verdict per selecting player; fewer if the grants do not fit into one write.
    pub(super) verdicts: Vec<Verdict>,
    /// The call was executed before. Nothing was changed, and players were only looked up.
    pub(super) repeated: bool,
}

const UNKNOWN: Outcome = Outcome::Refused(StoreErrorKind::UnknownAsset);

impl<'a> Ask<'a> {
    /// The players whose grants matter.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
    pub(super) fn players(&self) -> &'a [PlayerName] {
        match *self {
            Self::Select { players, .. } => players,
            Self::Release { player } => std::slice::from_ref(player),
            _ => &[],
        }
    }

    /// The units of an asset that this call would create.
    pub(super) fn creates(&self) -> Option<Units> {
        match *self {
            Self::Create { units } => Some(units),
            Self::Select { create, .. } => create,
            _ => None,
        }
    }
}

/// Decides a call and changes the asset accordingly. `created` says that the call has just created the asset.
/// `answered` is the outcome if the call was executed before. An asset has at most `most_units`.
pub(super) fn decide<A: Asset>(
    asset: &mut A,
    call: Call,
    ask: Ask<'_>,
    created: bool,
    answered: Option<Outcome>,
    most_units: Units,
) -> Result<Decided, A::Error> {
    let decided = |outcome, verdicts| Decided { outcome, verdicts, repeated: answered.is_some() };
    if let Some(outcome) = answered {
        return Ok(decided(outcome, look_up(asset, ask)?));
    }
    let counter = asset.counter();
    if created && counter.units > most_units {
        return Ok(decided(Outcome::Refused(StoreErrorKind::LimitReached), Vec::new()));
    }
    if counter.removed && !matches!(ask, Ask::Create { .. }) {
        return Ok(decided(UNKNOWN, Vec::new()));
    }
    let mut verdicts = Vec::new();
    let outcome = match ask {
        Ask::Create { .. } if created => Outcome::Changed,
        Ask::Create { units } => create(counter, units, most_units),
        Ask::Select { players, .. } => {
            verdicts = select(asset, call, players)?;
            let granted = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
            // Even if no player got a unit, the call created the asset.
            if created || granted { Outcome::Changed } else { Outcome::Unchanged }
        }
        Ask::Release { player } => release(asset, player)?,
        Ask::Restock { n, condition } => restock(counter, n, condition, most_units),
        Ask::Reset => {
            asset.clear_holders()?;
            asset.counter().reset();
            Outcome::Changed
        }
        Ask::Remove => {
            counter.remove();
            asset.clear_holders()?;
            Outcome::Changed
        }
    };
    Ok(decided(outcome, verdicts))
}

fn create(counter: &mut Counter, units: Units, most_units: Units) -> Outcome {
    if counter.removed && units > most_units {
        Outcome::Refused(StoreErrorKind::LimitReached)
    } else if counter.removed {
        counter.revive(units);
        Outcome::Changed
    } else if counter.created_units == units {
        Outcome::Unchanged
    } else {
        Outcome::Refused(StoreErrorKind::Conflict)
    }
}

fn select<A: Asset>(asset: &mut A, call: Call, players: &[PlayerName]) -> Result<Vec<Verdict>, A::Error> {
    let mut verdicts = Vec::with_capacity(players.len());
    for player in players {
        let verdict = if let Some(revision) = asset.granted_at(player)? {
            Verdict::AlreadyHeld { revision }
        } else if asset.counter().remaining == 0 {
            Verdict::SoldOut
        } else if asset.has_room_for_grant() {
            let revision = asset.counter().take();
            asset.add_holder(Grant { player: player.clone(), granted_at: call.at, revision })?;
            Verdict::Granted { revision }
        } else {
            break;
        };
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The verdict of a retried select: a player either holds a unit or does not.
fn look_up<A: Asset>(asset: &mut A, ask: Ask<'_>) -> Result<Vec<Verdict>, A::Error> {
    let Ask::Select { players, .. } = ask else { return Ok(Vec::new()) };
    let found = |player| {
        let revision = asset.granted_at(player)?;
        Ok(revision.map_or(Verdict::SoldOut, |revision| Verdict::AlreadyHeld { revision }))
    };
    players.iter().map(found).collect()
}

fn release<A: Asset>(asset: &mut A, player: &PlayerName) -> Result<Outcome, A::Error> {
    let Some(revision) = asset.granted_at(player)? else {
        return Ok(Outcome::Refused(StoreErrorKind::NotHeld));
    };
    asset.counter().give_back();
    asset.remove_holder(player, revision)?;
    Ok(Outcome::Changed)
}

fn restock(counter: &mut Counter, n: Units, condition: Option<u64>, most_units: Units) -> Outcome {
    if condition.is_some_and(|revision| revision != counter.revision) {
        return Outcome::Refused(StoreErrorKind::Conflict);
    }
    if counter.units.checked_add(n).is_none_or(|units| units > most_units) {
        return Outcome::Refused(StoreErrorKind::LimitReached);
    }
    counter.add(n);
    Outcome::Changed
}

/// The refusal of the call, if any. A late copy of a call may find the outcome of a later call of its node, so the
/// outcome may be one that this kind of call never has.
fn refused(ask: Ask<'_>, outcome: Outcome, repeated: bool, most_units: Units) -> Option<StoreErrorKind> {
    use StoreErrorKind::{Conflict, LimitReached, NotHeld};
    match (ask, outcome) {
        (Ask::Create { .. }, Outcome::Refused(Conflict)) => Some(Conflict),
        (Ask::Create { units }, Outcome::Refused(LimitReached)) if units > most_units => Some(LimitReached),
        (Ask::Create { .. }, _) => None,
        (_, UNKNOWN) => Some(StoreErrorKind::UnknownAsset),
        (Ask::Select { .. }, Outcome::Refused(LimitReached)) if !repeated => Some(LimitReached),
        (Ask::Release { .. }, Outcome::Unchanged | Outcome::Refused(_)) => Some(NotHeld),
        (Ask::Restock { .. }, Outcome::Refused(LimitReached)) => Some(LimitReached),
        (Ask::Restock { .. }, Outcome::Unchanged | Outcome::Refused(_)) => Some(Conflict),
        _ => None,
    }
}

/// Fails if the call is refused, on an asset as it is after the call.
///
/// # Errors
/// `UnknownAsset`, `NotHeld`, `Conflict`, `LimitReached`.
pub(super) fn unless_refused(
    store: &'static str,
    (outcome, repeated): (Outcome, bool),
    ask: Ask<'_>,
    asset: &AssetName,
    counter: &Counter,
    most_units: Units,
) -> Result<(), StoreError> {
    let kind = match refused(ask, outcome, repeated, most_units) {
        Some(kind) => kind,
        // A retried select that was granted before the asset was removed.
        None if counter.removed && matches!(ask, Ask::Select { .. }) => StoreErrorKind::UnknownAsset,
        None => return Ok(()),
    };
    Err(match (kind, ask) {
        (StoreErrorKind::NotHeld, Ask::Release { player }) => StoreError::not_held(store, asset, player),
        (StoreErrorKind::Conflict, Ask::Create { units }) => {
            StoreError::other_units(store, asset, counter.created_units, units)
        }
        (StoreErrorKind::Conflict, _) => StoreError::other_revision(store, asset, counter.revision),
        (StoreErrorKind::LimitReached, _) => StoreError::too_many_units(store, asset, most_units),
        _ => StoreError::unknown_asset(store, asset),
    })
}

impl Counter {
    pub(super) fn new(units: Units, origin: u64) -> Self {
        Self {
            units,
            remaining: units,
            held: 0,
            revision: 0,
            origin,
            creation: 0,
            created_units: units,
            removed: false,
        }
    }

    /// Begins a new incarnation.
    fn revive(&mut self, units: Units) {
        self.revision += 1;
        self.creation = self.revision;
        (self.units, self.remaining, self.created_units, self.removed) = (units, units, units, false);
    }

    /// Takes one of the remaining units and returns the revision of the grant.
    fn take(&mut self) -> u64 {
        self.remaining -= 1;
        self.held += 1;
        self.revision += 1;
        self.revision
    }

    fn give_back(&mut self) {
        self.remaining += 1;
        self.held -= 1;
        self.revision += 1;
    }

    fn add(&mut self, n: Units) {
        self.units += n;
        self.remaining += n;
        self.revision += 1;
    }

    /// Begins a new incarnation, with the units of the creation.
    fn reset(&mut self) {
        self.held = 0;
        self.revive(self.created_units);
    }

    fn remove(&mut self) {
        self.revision += 1;
        self.removed = true;
        (self.remaining, self.held) = (0, 0);
    }

    pub(in crate::store) fn row(&self, asset: &AssetName) -> RevisionRow {
        RevisionRow {
            asset: asset.clone(),
            revision: self.revision,
            remaining: self.remaining,
            held: self.held,
            removed: self.removed,
            origin: self.origin,
        }
    }

    /// The state to show, given the first holders.
    pub(in crate::store) fn state(&self, asset: &AssetName, first: Vec<Grant>) -> AssetState {
        let RevisionRow { asset, revision, remaining, held, removed, origin } = self.row(asset);
        debug_assert!(first.len() <= HOLDERS_SHOWN);
        AssetState { asset, units: self.units, remaining, revision, held, holders: first, removed, origin }
    }
}
