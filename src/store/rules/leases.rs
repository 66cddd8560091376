//! The rules of grants that end.

use super::{Asset, Counter, Outcome, events};
use crate::{
    model::{By, EndReason, Ended, EventKind, Grant, Millis, PlayerName},
    store::StoreErrorKind,
};

/// The grants of an asset whose deadlines have passed, and when the next one ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Ending {
    /// Ordered by deadline, then by revision.
    pub(in crate::store) due: Vec<Grant>,
    /// The deadline of the first grant that is not in `due`.
    pub(in crate::store) next: Option<Millis>,
}

impl Ending {
    /// Of all `grants` of an asset those due at `now`.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "momento"))]
    pub(in crate::store) fn of(grants: impl Iterator<Item = Grant>, now: Millis) -> Self {
        let mut ending = Self::default();
        for grant in grants {
            match grant.lease.ends_at() {
                Some(at) if at <= now => ending.due.push(grant),
                Some(at) => ending.next = ending.next.into_iter().chain([at]).min(),
                None => {}
            }
        }
        ending.due.sort_by_key(|grant| (grant.lease.ends_at(), grant.revision));
        ending
    }

    /// Leaves all but the first `most` for later.
    #[cfg(any(feature = "dynamodb", feature = "mysql"))]
    pub(in crate::store) fn first(mut self, most: usize) -> Self {
        if let Some(later) = self.due.get(most) {
            self.next = later.lease.ends_at();
            self.due.truncate(most);
        }
        self
    }
}

impl Counter {
    /// Whether a grant may end by `now`.
    pub(in crate::store) fn may_end_by(&self, now: Millis) -> bool {
        self.terms.as_ref().is_some_and(|terms| terms.next_end.is_some_and(|end| end <= now))
    }

    /// The time of a change that a node makes at `at`.
    pub(in crate::store) fn time_of_change(&self, at: Millis) -> Millis {
        self.terms.as_ref().map_or(at, |terms| terms.time_of_change(at))
    }
}

/// Ends the grants whose deadlines have passed. Returns whether there were any.
pub(super) fn strike<A: Asset>(asset: &mut A, now: Millis) -> Result<bool, A::Error> {
    if !asset.counter().may_end_by(now) {
        return Ok(false);
    }
    let Ending { due, next } = asset.ending(now)?;
    for grant in &due {
        let at = grant.lease.ends_at().unwrap_or(now);
        end(asset, grant, (grant.lease.reason(), None), at, now)?;
    }
    if let Some(terms) = &mut asset.counter().terms {
        terms.next_end = next;
    }
    Ok(!due.is_empty())
}

/// Ends a grant at `at` for a reason, by whom if it was no player and no deadline, and remembers it if the asset has options.
pub(super) fn end<A: Asset>(
    asset: &mut A,
    grant: &Grant,
    (reason, by): (EndReason, Option<By>),
    at: Millis,
    now: Millis,
) -> Result<(), A::Error> {
    let counter = asset.counter();
    counter.give_back();
    let Counter { revision, remaining, .. } = *counter;
    if let Some(terms) = &mut counter.terms {
        let (player, grant, granted_at) = (grant.player.clone(), grant.revision, grant.granted_at);
        terms.remember(Ended { player, grant, granted_at, revision, remaining, at, reason }, now);
    }
    events::keep_of_end(asset, grant, reason, at, by)?;
    asset.remove_holder(grant)
}

/// The outcome for one player, and the player's grant afterwards.
type Leased = (Outcome, Option<Grant>);

const NOT_HELD: Leased = (Outcome::Refused(StoreErrorKind::NotHeld), None);
/// What the player held ended because its deadline passed.
const HOLD_EXPIRED: Leased = (Outcome::Unchanged, None);

pub(super) fn confirm<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    retake: bool,
    now: Millis,
    by: Option<By>,
) -> Result<Leased, A::Error> {
    let Some(mut grant) = asset.grant(player)? else {
        let without = without_grant(asset, player);
        let may_retake = without == HOLD_EXPIRED && retake && asset.counter().remaining > 0;
        return if may_retake { take_confirmed(asset, player, now, by) } else { Ok(without) };
    };
    if !grant.lease.is_hold {
        return Ok((Outcome::Unchanged, Some(grant)));
    }
    if let Some(terms) = &asset.counter().terms {
        grant.lease = terms.confirmed_lease(now, grant.lease.present_until);
    }
    change_lease(asset, &grant)?;
    asset.counter().next_revision();
    events::keep_of_grant(asset, EventKind::Confirmed, &grant, now, by)?;
    Ok((Outcome::Changed, Some(grant)))
}

/// Grants a unit again to a player who confirms too late.
fn take_confirmed<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    now: Millis,
    by: Option<By>,
) -> Result<Leased, A::Error> {
    let revision = asset.counter().take();
    let mut grant = Grant::plain(player.clone(), now, revision);
    if let Some(terms) = &mut asset.counter().terms {
        grant.lease = terms.confirmed_lease(now, terms.new_lease(now).present_until);
        terms.expect_end_of(&grant.lease);
    }
    events::keep_of_grant(asset, EventKind::Granted, &grant, now, by)?;
    asset.add_holder(grant.clone())?;
    Ok((Outcome::Changed, Some(grant)))
}

/// Lets a hold begin anew, until `most` milliseconds after the grant at the latest.
pub(super) fn extend<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    most: Millis,
    now: Millis,
) -> Result<Leased, A::Error> {
    let Some(mut grant) = asset.grant(player)? else { return Ok(without_grant(asset, player)) };
    let hold = asset.counter().terms.as_ref().and_then(|terms| terms.options.hold_ms);
    let (true, Some(hold), Some(until)) = (grant.lease.is_hold, hold, grant.lease.until) else {
        return Ok((Outcome::Refused(StoreErrorKind::Conflict), Some(grant)));
    };
    let longer = (now + hold).min(grant.granted_at + most);
    if longer <= until {
        return Ok((Outcome::Unchanged, Some(grant)));
    }
    grant.lease.until = Some(longer);
    change_lease(asset, &grant)?;
    asset.counter().next_revision();
    Ok((Outcome::Changed, Some(grant)))
}

/// Prolongs the grants of players who are in the room.
pub(super) fn prolong<A: Asset>(
    asset: &mut A,
    players: &[PlayerName],
    now: Millis,
) -> Result<Outcome, A::Error> {
    let Some(leave) = asset.counter().terms.as_ref().and_then(|terms| terms.options.leave_ms) else {
        return Ok(Outcome::Unchanged);
    };
    let mut outcome = Outcome::Unchanged;
    for player in players {
        if let Some(mut grant) =
            asset.grant(player)?.filter(|grant| grant.lease.present_until < Some(now + leave))
        {
            grant.lease.present_until = Some(now + leave);
            change_lease(asset, &grant)?;
            outcome = Outcome::Changed;
        }
    }
    if outcome == Outcome::Changed {
        asset.counter().next_revision();
    }
    Ok(outcome)
}

fn change_lease<A: Asset>(asset: &mut A, grant: &Grant) -> Result<(), A::Error> {
    if let Some(terms) = &mut asset.counter().terms {
        terms.expect_end_of(&grant.lease);
    }
    asset.set_lease(grant)
}

/// The answer to a player without a unit.
fn without_grant<A: Asset>(asset: &mut A, player: &PlayerName) -> Leased {
    let end = asset.counter().terms.as_ref().and_then(|terms| terms.last_end(player));
    if end.is_some_and(|end| end.reason.is_deadline()) { HOLD_EXPIRED } else { NOT_HELD }
}

/// The answer to a repeated confirmation or extension with this outcome. A player who holds a new hold since was told
/// that the old one had expired.
pub(super) fn look_up<A: Asset>(
    asset: &mut A,
    player: &PlayerName,
    outcome: Outcome,
    confirms: bool,
) -> Result<Leased, A::Error> {
    let grant = asset.grant(player)?;
    Ok(match outcome {
        Outcome::Changed => (outcome, grant),
        Outcome::Refused(StoreErrorKind::UnknownAsset) => (outcome, None),
        _ if grant.as_ref().is_some_and(|grant| grant.lease.is_hold != confirms) => (Outcome::Unchanged, grant),
        Outcome::Refused(StoreErrorKind::Conflict) => (outcome, grant),
        _ => without_grant(asset, player),
    })
}
