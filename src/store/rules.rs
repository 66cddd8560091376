//! The rules of a decision, for every store that decides in this process. Pure: no clock, no driver, no waiting.
//! Redis decides in a script of its own; a test plays the same calls to both and compares every answer.

mod counter;
mod events;
mod leases;
mod refusal;

pub(super) use self::{counter::Counter, leases::Ending, refusal::unless_refused};
use super::{Call, StoreErrorKind, Verdict};
use crate::model::{AssetEvent, Barred, By, EndReason, EventKind, Grant, Millis, NewAsset, PlayerName, Units};

/// The request of a changing call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ask<'a> {
    Create {
        new: &'a NewAsset,
    },
    Select {
        players: &'a [PlayerName],
        create: Option<&'a NewAsset>,
    },
    Release {
        player: &'a PlayerName,
        reason: EndReason,
    },
    Restock {
        n: Units,
        condition: Option<u64>,
    },
    Reset,
    Remove,
    /// Confirms a hold. With `retake`, a player whose hold expired gets a unit that is left.
    Confirm {
        player: &'a PlayerName,
        retake: bool,
    },
    /// Lets a hold begin anew, until so many milliseconds after the grant at the latest.
    Extend {
        player: &'a PlayerName,
        most: Millis,
    },
    /// The players are in the room: what they hold ends `leave_ms` from now at the earliest.
    Prolong {
        players: &'a [PlayerName],
    },
    /// Ends the grants whose deadlines have passed.
    Expire,
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

/// An asset under decision: its counter, and its holders wherever the store keeps them.
pub(super) trait Asset {
    /// The error of reading or changing the holders.
    type Error;

    fn counter(&mut self) -> &mut Counter;

    /// The revision of the player's grant; `None`: the player holds no unit.
    fn granted_at(&mut self, player: &PlayerName) -> Result<Option<u64>, Self::Error>;

    /// The player's grant.
    fn grant(&mut self, player: &PlayerName) -> Result<Option<Grant>, Self::Error>;

    /// The grants whose deadlines have passed, all or the first of them, and when the next one ends.
    fn ending(&mut self, now: Millis) -> Result<Ending, Self::Error>;

    fn add_holder(&mut self, grant: Grant) -> Result<(), Self::Error>;

    /// Replaces the lease of a grant.
    fn set_lease(&mut self, grant: &Grant) -> Result<(), Self::Error>;

    fn remove_holder(&mut self, grant: &Grant) -> Result<(), Self::Error>;

    /// Removes all holders, because the incarnation ends.
    fn clear_holders(&mut self) -> Result<(), Self::Error>;

    /// Whether changes are kept as events.
    fn keeps_events(&self) -> bool {
        false
    }

    /// Keeps the event of a change, if [`Self::keeps_events`].
    fn keep_event(&mut self, _event: AssetEvent) -> Result<(), Self::Error> {
        Ok(())
    }

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
    /// After a confirmation or an extension: the player's grant.
    pub(super) grant: Option<Grant>,
    /// Grants ended, because their deadlines had passed: the asset changed, whatever the outcome.
    pub(super) ended: bool,
    /// The call was executed before. Nothing was changed, and players were only looked up.
    pub(super) repeated: bool,
}

const UNKNOWN: Outcome = Outcome::Refused(StoreErrorKind::UnknownAsset);

impl<'a> Ask<'a> {
    /// The players whose grants matter.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
    pub(super) fn players(&self) -> &'a [PlayerName] {
        match *self {
            Self::Select { players, .. } | Self::Prolong { players } => players,
            Self::Release { player, .. } | Self::Confirm { player, .. } | Self::Extend { player, .. } => {
                std::slice::from_ref(player)
            }
            Self::Create { .. } | Self::Restock { .. } | Self::Reset | Self::Remove | Self::Expire => &[],
        }
    }

    /// The asset that this call would create.
    pub(super) fn creates(&self) -> Option<&'a NewAsset> {
        match *self {
            Self::Create { new } => Some(new),
            Self::Select { create, .. } => create,
            _ => None,
        }
    }

    /// The event of a call that changes the asset itself, not grants.
    fn event(&self) -> Option<EventKind> {
        match self {
            Self::Create { .. } => Some(EventKind::Created),
            Self::Restock { .. } => Some(EventKind::Restocked),
            Self::Reset => Some(EventKind::Reset),
            Self::Remove => Some(EventKind::Removed),
            _ => None,
        }
    }
}

impl Decided {
    /// Whether the asset must be written.
    pub(super) fn changed(&self) -> bool {
        !self.repeated && (self.ended || self.outcome == Outcome::Changed)
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
    let mut decided = Decided {
        outcome: UNKNOWN,
        verdicts: Vec::new(),
        grant: None,
        ended: false,
        repeated: answered.is_some(),
    };
    if let Some(outcome) = answered {
        decided.outcome = outcome;
        look_up(asset, ask, &mut decided)?;
        return Ok(decided);
    }
    let counter = asset.counter();
    if created && counter.units > most_units {
        decided.outcome = Outcome::Refused(StoreErrorKind::LimitReached);
        return Ok(decided);
    }
    if counter.removed && !matches!(ask, Ask::Create { .. }) {
        return Ok(decided);
    }
    let now = counter.time_of_change(call.at);
    if created {
        events::keep(asset, EventKind::Created, now, call.by)?;
    }
    decided.ended = leases::strike(asset, now)?;
    decided.outcome = if created && matches!(ask, Ask::Create { .. }) {
        Outcome::Changed
    } else {
        carry_out(asset, ask, (now, call.by), most_units, &mut decided)?
    };
    if created {
        // Even if no player got a unit, the call created the asset.
        decided.outcome = Outcome::Changed;
    }
    if let Some(terms) = asset.counter().terms.as_mut().filter(|_| decided.changed()) {
        terms.changed_at = now;
    }
    Ok(decided)
}

fn carry_out<A: Asset>(
    asset: &mut A,
    ask: Ask<'_>,
    (now, by): (Millis, Option<By>),
    most_units: Units,
    decided: &mut Decided,
) -> Result<Outcome, A::Error> {
    let counter = asset.counter();
    let outcome = match ask {
        Ask::Create { new } => create(counter, new, now, most_units),
        Ask::Select { players, .. } => {
            decided.verdicts = select(asset, (now, by), players)?;
            let granted = decided.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. }));
            if granted { Outcome::Changed } else { Outcome::Unchanged }
        }
        Ask::Release { player, reason } => release(asset, player, (reason, by), now)?,
        Ask::Restock { n, condition } => restock(counter, n, condition, most_units),
        Ask::Reset => {
            asset.clear_holders()?;
            asset.counter().reset(now);
            Outcome::Changed
        }
        Ask::Remove => {
            counter.remove();
            asset.clear_holders()?;
            Outcome::Changed
        }
        Ask::Confirm { player, retake } => {
            let (outcome, grant) = leases::confirm(asset, player, retake, now, by)?;
            decided.grant = grant;
            outcome
        }
        Ask::Extend { player, most } => {
            let (outcome, grant) = leases::extend(asset, player, most, now)?;
            decided.grant = grant;
            outcome
        }
        Ask::Prolong { players } => leases::prolong(asset, players, now)?,
        Ask::Expire if decided.ended => Outcome::Changed,
        Ask::Expire => Outcome::Unchanged,
    };
    if let Some(kind) = ask.event().filter(|_| outcome == Outcome::Changed) {
        events::keep(asset, kind, now, by)?;
    }
    Ok(outcome)
}

fn create(counter: &mut Counter, new: &NewAsset, now: Millis, most_units: Units) -> Outcome {
    if counter.removed && new.units > most_units {
        Outcome::Refused(StoreErrorKind::LimitReached)
    } else if counter.removed {
        counter.revive(new, now);
        Outcome::Changed
    } else if counter.is_created_as(new) {
        Outcome::Unchanged
    } else {
        Outcome::Refused(StoreErrorKind::Conflict)
    }
}

fn select<A: Asset>(
    asset: &mut A,
    (now, by): (Millis, Option<By>),
    players: &[PlayerName],
) -> Result<Vec<Verdict>, A::Error> {
    let mut verdicts = Vec::with_capacity(players.len());
    for player in players {
        let verdict = if let Some(held) = held(asset, player)? {
            held
        } else if let Some(barred) = asset.counter().terms.as_ref().and_then(|terms| terms.bars(player, now)) {
            Verdict::from(barred)
        } else if asset.counter().remaining == 0 {
            Verdict::SoldOut
        } else if asset.has_room_for_grant() {
            grant(asset, player, now, by)?
        } else {
            break;
        };
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The verdict on a player who holds a unit.
fn held<A: Asset>(asset: &mut A, player: &PlayerName) -> Result<Option<Verdict>, A::Error> {
    if asset.counter().terms.is_none() {
        let revision = asset.granted_at(player)?;
        return Ok(revision.map(|revision| Verdict::AlreadyHeld { revision, until: None }));
    }
    let grant = asset.grant(player)?;
    Ok(grant.map(|grant| Verdict::AlreadyHeld { revision: grant.revision, until: grant.lease.until }))
}

fn grant<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    now: Millis,
    by: Option<By>,
) -> Result<Verdict, A::Error> {
    let counter = asset.counter();
    let mut grant = Grant::plain(player.clone(), now, counter.take());
    if let Some(terms) = &mut counter.terms {
        grant.lease = terms.new_lease(now);
        terms.expect_end_of(&grant.lease);
    }
    let verdict = Verdict::Granted { revision: grant.revision, lease: grant.lease };
    events::keep_of_grant(asset, EventKind::Granted, &grant, now, by)?;
    asset.add_holder(grant)?;
    Ok(verdict)
}

/// The verdict of a retried select: a player either holds a unit or does not.
fn look_up<A: Asset>(asset: &mut A, ask: Ask<'_>, decided: &mut Decided) -> Result<(), A::Error> {
    match ask {
        Ask::Select { players, .. } => {
            for player in players {
                decided.verdicts.push(held(asset, player)?.unwrap_or(Verdict::SoldOut));
            }
        }
        Ask::Confirm { player, .. } | Ask::Extend { player, .. } => {
            let confirms = matches!(ask, Ask::Confirm { .. });
            (decided.outcome, decided.grant) = leases::look_up(asset, player, decided.outcome, confirms)?;
        }
        _ => {}
    }
    Ok(())
}

fn release<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    why: (EndReason, Option<By>),
    now: Millis,
) -> Result<Outcome, A::Error> {
    let Some(grant) = asset.grant(player)? else { return Ok(Outcome::Refused(StoreErrorKind::NotHeld)) };
    leases::end(asset, &grant, why, now, now)?;
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

impl From<Barred> for Verdict {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Reserved { retry_after } => Self::Reserved { retry_after },
            Barred::Cooldown { retry_after } => Self::Cooldown { retry_after },
        }
    }
}
