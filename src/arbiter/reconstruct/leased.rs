use std::collections::HashMap;

use crate::model::{AssetState, Change, Ended, Event, Grant, Terms, Units, limits::HOLDERS_SHOWN};

/// More changes are told by a snapshot: the longest room log.
const LONGEST: u64 = 65_536;

/// Reconstructs the changes of an asset with options. It remembers how its last grants ended; a change that left no trace
/// was of leases alone, if the numbers say so.
pub(super) fn reconstruct(
    known: &AssetState,
    stored: &AssetState,
    grants: &[Grant],
    terms: &Terms,
) -> Option<Vec<Event>> {
    if stored.removed || known.removed || known.units != stored.units {
        return None;
    }
    if stored.revision - known.revision > LONGEST {
        return None;
    }
    let ends: HashMap<u64, &Ended> = terms.ends.iter().map(|end| (end.revision, end)).collect();
    let ended: HashMap<u64, &Ended> = terms.ends.iter().map(|end| (end.grant, end)).collect();
    let granted: HashMap<u64, &Grant> = grants.iter().map(|grant| (grant.revision, grant)).collect();
    let next_end = Some(terms.next_end.unwrap_or(Change::NEVER));
    let (mut remaining, mut events, mut traceless) = (known.remaining, Vec::new(), Vec::new());
    for revision in known.revision + 1..=stored.revision {
        let change = if let Some(end) = ends.get(&revision) {
            remaining += 1;
            if remaining != end.remaining {
                // A grant before it ended between the reads of the asset and of its holders.
                return None;
            }
            Change::Released { player: end.player.clone(), reason: end.reason, next_end }
        } else if let Some(grant) = granted.get(&revision) {
            remaining = remaining.checked_sub(1)?;
            let (player, at, lease) = (grant.player.clone(), grant.granted_at, grant.lease);
            Change::leased(player, stored.units, at, lease)
        } else if let Some(end) = ended.get(&revision) {
            remaining = remaining.checked_sub(1)?;
            let (player, at) = (end.player.clone(), end.granted_at);
            Change::granted(player, stored.units, at)
        } else {
            // Nobody has a lease that could change: the asset was reset, or removed and created again.
            if remaining == stored.units {
                return None;
            }
            traceless.push(events.len());
            Change::Prolonged
        };
        events.push(Event::of(stored, revision, remaining, change));
    }
    let held = Units::checked_sub(stored.units, remaining);
    if remaining != stored.remaining || held != Some(stored.held) {
        return None;
    }
    tell_leases(known, stored, terms, &traceless, &mut events).then_some(events)
}

/// Whether the newest change of an asset was a prolongation, and everything before it is known but the grants that it ended
/// first.
pub(in crate::arbiter) fn is_prolongation(known: &AssetState, stored: &AssetState) -> bool {
    let ends = stored.terms.iter().flat_map(|terms| &terms.ends);
    let new: Vec<_> = ends.filter(|end| end.revision > known.revision).collect();
    let ended = new.len();
    let deadlines = |grant: &Grant| (grant.lease.until, grant.lease.is_hold);
    let is_same = |grant: &Grant| {
        let before = known.holders.iter().find(|known| known.revision == grant.revision);
        before.is_none_or(|before| deadlines(before) == deadlines(grant))
    };
    // Where nobody holds anything, the newest change was a reset.
    stored.held > 0
        && stored.revision == known.revision + ended as u64 + 1
        && new.iter().all(|end| end.revision < stored.revision && end.reason.is_deadline())
        && stored.units == known.units
        && stored.held + ended as Units == known.held
        && stored.holders.iter().all(is_same)
}

/// Puts the leases that changed in the place of changes without a trace. False if that is not certain.
fn tell_leases(
    known: &AssetState,
    stored: &AssetState,
    terms: &Terms,
    traceless: &[usize],
    events: &mut [Event],
) -> bool {
    let are_all_listed = stored.held as usize <= HOLDERS_SHOWN;
    if !traceless.is_empty() && terms.options.hold_ms.is_some() && !are_all_listed {
        return false;
    }
    let before = |grant: &Grant| known.holders.iter().find(|known| known.revision == grant.revision);
    let changed = stored.holders.iter().filter_map(|grant| {
        let before = before(grant)?.lease;
        ((before.until, before.is_hold) != (grant.lease.until, grant.lease.is_hold)).then_some((grant, before))
    });
    let mut places = traceless.iter().rev();
    for (grant, before) in changed {
        let Some(&place) = places.next() else { return false };
        let (player, at, lease) = (grant.player.clone(), terms.changed_at, grant.lease);
        let is_confirmed = before.is_hold && !lease.is_hold;
        events[place].change = match is_confirmed {
            true => Change::Confirmed { player, at, lease },
            false => Change::Extended { player, at, lease },
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AssetOptions, EndReason, Lease};

    fn grant(revision: u64, lease: Lease) -> Grant {
        Grant::leased(format!("p{revision}").parse().unwrap(), revision, revision, lease)
    }

    fn hold(until: u64) -> Lease {
        Lease { until: Some(until), is_hold: true, ..Lease::NONE }
    }

    fn state(revision: u64, holders: Vec<Grant>, ends: &[Ended]) -> AssetState {
        let mut terms = Terms::of_new(&AssetOptions { hold_ms: Some(5), ..AssetOptions::NONE }, 0).unwrap();
        terms.ends.extend(ends.iter().cloned());
        let (held, units) = (holders.len() as Units, 9);
        AssetState {
            asset: "sword".parse().unwrap(),
            units,
            remaining: units - held,
            revision,
            held,
            holders,
            terms: Some(terms),
            removed: false,
            origin: 0,
        }
    }

    fn end(grant: u64, revision: u64, remaining: Units) -> Ended {
        let (player, reason) = (format!("p{grant}").parse().unwrap(), EndReason::Expired);
        Ended { player, grant, granted_at: grant, revision, remaining, at: 7, reason }
    }

    fn kinds(known: &AssetState, stored: &AssetState, grants: &[Grant]) -> Option<Vec<(u64, Units, String)>> {
        let events = reconstruct(known, stored, grants, stored.terms.as_ref().unwrap())?;
        let kind = |event: &Event| {
            let text = format!("{:?}", event.change);
            (event.revision, event.remaining, text.split([' ', '{']).next().unwrap().to_owned())
        };
        Some(events.iter().map(kind).collect())
    }

    #[test]
    fn ends_and_grants_that_ended_are_told() {
        let known = state(1, vec![grant(1, hold(5))], &[]);
        let stored = state(5, vec![grant(5, hold(9))], &[end(1, 3, 8), end(2, 4, 9)]);
        let told = kinds(&known, &stored, &[grant(5, hold(9))]).unwrap();
        let expected = [(2, 7, "Granted"), (3, 8, "Released"), (4, 9, "Released"), (5, 8, "Granted")]
            .map(|(r, n, k)| (r, n, k.to_owned()));
        assert_eq!(told, expected);
    }

    #[test]
    fn a_confirmation_is_told_and_what_left_no_trace_is_passed_over() {
        let known = state(1, vec![grant(1, hold(5))], &[]);
        let stored = state(3, vec![grant(1, Lease::NONE)], &[]);
        let told = kinds(&known, &stored, &[]).unwrap();
        assert_eq!(told, [(2, 8, "Prolonged".to_owned()), (3, 8, "Confirmed".to_owned())]);
        let longer = state(2, vec![grant(1, hold(8))], &[]);
        assert_eq!(kinds(&known, &longer, &[]).unwrap(), [(2, 8, "Extended".to_owned())]);
    }

    #[test]
    fn a_revision_of_another_node_is_no_prolongation() {
        let known = state(1, vec![grant(1, hold(5))], &[]);
        let is_own = |stored| is_prolongation(&known, &stored);
        assert!(is_own(state(2, vec![grant(1, hold(5))], &[])));
        assert!(!is_own(state(3, vec![], &[end(1, 2, 9)])), "a reset after an end");
        let two = state(2, vec![grant(1, hold(5)), grant(2, hold(9))], &[]);
        assert!(is_prolongation(&two, &state(4, vec![grant(2, hold(9))], &[end(1, 3, 8)])), "after an end");
        assert!(!is_own(state(1, vec![grant(1, hold(5))], &[])), "nothing changed");
        assert!(!is_own(state(2, vec![grant(1, hold(5)), grant(2, hold(9))], &[])), "a grant");
        assert!(!is_own(state(2, vec![grant(1, Lease::NONE)], &[])), "a confirmation");
        assert!(!is_own(state(3, vec![grant(1, hold(5))], &[])), "more than one change");
        assert!(!is_own(state(3, vec![], &[end(1, 3, 9)])), "the end is the newest change");
        let released = Ended { reason: EndReason::Released, ..end(1, 2, 9) };
        assert!(!is_own(state(3, vec![], &[released])), "somebody else's release");
    }

    #[test]
    fn a_grant_that_ended_between_two_reads_is_missed() {
        let known = state(2, vec![grant(1, Lease::NONE), grant(2, hold(5))], &[]);
        let stored = state(4, vec![grant(1, Lease::NONE), grant(3, hold(6))], &[end(2, 4, 7)]);
        assert!(kinds(&known, &stored, &[grant(3, hold(6))]).is_some());
        assert_eq!(kinds(&known, &stored, &[]), None);
    }

    #[test]
    fn what_the_numbers_do_not_tell_is_not_made_up() {
        let known = state(1, vec![grant(1, hold(5))], &[]);
        assert_eq!(kinds(&known, &state(2, vec![], &[]), &[]), None, "a reset");
        assert_eq!(kinds(&known, &state(3, vec![grant(1, hold(5)), grant(3, hold(9))], &[]), &[]), None);
        let unheld = state(2, vec![], &[end(1, 2, 9)]);
        assert_eq!(kinds(&unheld, &state(4, vec![], &[]), &[]), None, "removed and created again");
        assert_eq!(
            kinds(&unheld, &state(3, vec![], &[end(1, 2, 9)]), &[]),
            None,
            "a reset of what nobody held"
        );
    }
}
