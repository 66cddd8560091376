//! Reconstructs the changes of an asset from its known state and its stored state.

mod leased;

pub(super) use leased::is_prolongation;

use crate::model::{AssetState, Change, Event, Grant, PlayerName, Units};

/// Returns the changes that lead from the known state to the stored state, if only one sequence of changes is possible.
pub(super) fn reconstruct(
    known: Option<&AssetState>,
    stored: &AssetState,
    grants: &[Grant],
) -> Option<Vec<Event>> {
    let event = |revision, remaining, change| Event::of(stored, revision, remaining, change);
    let begun = known.map_or(0, |known| known.revision);
    let gap = stored.revision - begun;
    let whole = Change::created(stored);
    if let (Some(known), Some(terms)) = (known.filter(|known| known.terms.is_some()), &stored.terms) {
        return leased::reconstruct(known, stored, grants, terms);
    }
    match known {
        None if gap == 0 => return Some(vec![event(0, stored.remaining, whole)]),
        Some(_) if gap == 1 && stored.removed => return Some(vec![event(stored.revision, 0, Change::Removed)]),
        Some(known) if gap == 1 && known.removed && stored.held == 0 => {
            return Some(vec![event(stored.revision, stored.remaining, whole)]);
        }
        Some(known) if gap == 1 && stored.units > known.units && known.held == stored.held => {
            let restocked = Change::restocked(stored.units);
            return Some(vec![event(stored.revision, stored.remaining, restocked)]);
        }
        // A release leaves all holders but one, so this was a reset.
        Some(known) if gap == 1 && stored.held == 0 && !stored.removed && known.held != 1 => {
            return Some(vec![event(stored.revision, stored.remaining, whole)]);
        }
        _ if stored.removed || known.is_some_and(|known| known.removed || known.units != stored.units) => {
            return None;
        }
        _ => {}
    }
    let mut missing = begun + 1..=stored.revision;
    let new: Vec<_> = grants.iter().filter(|grant| missing.contains(&grant.revision)).collect();
    let gone = known.map_or(Some(Vec::new()), |known| gone(known, stored, new.len() as u64, gap))?;
    if new.len() + gone.len() != gap as usize {
        return None;
    }
    let mut remaining = i64::from(known.map_or(stored.units, |known| known.remaining));
    let (mut new, mut gone) = (new.into_iter().peekable(), gone.into_iter());
    let events = missing
        .by_ref()
        .map(|revision| match new.next_if(|grant| grant.revision == revision) {
            Some(grant) => {
                remaining -= 1;
                let (player, units) = (grant.player.clone(), stored.units);
                let terms = stored.terms.as_ref().filter(|_| known.is_none() && revision == 1);
                let options = terms.map(|terms| Box::new(terms.options.clone()));
                let (at, lease) = (grant.granted_at, grant.lease);
                let change = Change::Granted { player, units, at, lease, options };
                Some(event(revision, Units::try_from(remaining).ok()?, change))
            }
            None => {
                remaining += 1;
                let player = gone.next()?;
                Some(event(revision, Units::try_from(remaining).ok()?, Change::released(player)))
            }
        })
        .collect::<Option<Vec<_>>>()?;
    (remaining == i64::from(stored.remaining)).then_some(events)
}

/// Returns the players that released; `None` unless all holders of both states are listed. Two releases are ambiguous,
/// because their order is unknown, and one player may have held the unit again in between.
fn gone(known: &AssetState, stored: &AssetState, new: u64, gap: u64) -> Option<Vec<PlayerName>> {
    if new == gap {
        return Some(Vec::new());
    }
    let listed = |state: &AssetState| state.holders.len() == state.held as usize;
    if !listed(known) || !listed(stored) {
        return None;
    }
    let still = |grant: &&Grant| !stored.holders.iter().any(|held| held.revision == grant.revision);
    let gone: Vec<_> = known.holders.iter().filter(still).map(|grant| grant.player.clone()).collect();
    (gone.len() <= 1).then_some(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AssetOptions;

    fn grant(revision: u64) -> Grant {
        Grant::plain(format!("p{revision}").parse().unwrap(), revision, revision)
    }

    fn state(revision: u64, remaining: Units, holders: &[u64]) -> AssetState {
        AssetState {
            asset: "sword".parse().unwrap(),
            units: 9,
            remaining,
            revision,
            held: holders.len() as Units,
            holders: holders.iter().copied().map(grant).collect(),
            terms: None,
            removed: false,
            origin: 0,
        }
    }

    #[test]
    fn missed_grants_are_told_one_by_one() {
        let events =
            reconstruct(Some(&state(1, 8, &[1])), &state(3, 6, &[1, 2, 3]), &[grant(2), grant(3)]).unwrap();
        let reconstructed: Vec<_> = events.iter().map(|event| (event.revision, event.remaining)).collect();
        assert_eq!(reconstructed, [(2, 7), (3, 6)]);
        assert!(events.iter().all(|event| matches!(event.change, Change::Granted { .. })));
    }

    #[test]
    fn an_asset_first_heard_of_late_is_told_whole() {
        let events = reconstruct(None, &state(2, 7, &[1, 2]), &[grant(1), grant(2)]).unwrap();
        assert_eq!(events.len(), 2);
        let created = reconstruct(None, &state(0, 9, &[]), &[]).unwrap();
        assert!(matches!(created[0].change, Change::Changed { created: true, .. }));
    }

    #[test]
    fn missed_releases_are_told_too_when_all_holders_are_known() {
        let events = reconstruct(Some(&state(2, 7, &[1, 2])), &state(4, 7, &[2, 4]), &[grant(4)]).unwrap();
        assert!(matches!(&events[0].change, Change::Released { player, .. } if player.as_str() == "p1"));
        assert!(matches!(&events[1].change, Change::Granted { player, .. } if player.as_str() == "p4"));
        assert_eq!((events[0].remaining, events[1].remaining), (8, 7));
    }

    #[test]
    fn what_the_numbers_do_not_tell_is_not_made_up() {
        // A grant and its release are both in the gap, and the store keeps no trace of them.
        assert_eq!(reconstruct(Some(&state(1, 8, &[1])), &state(3, 8, &[1]), &[]), None);
        let restocked = AssetState { units: 12, remaining: 10, ..state(3, 0, &[1, 2]) };
        assert_eq!(reconstruct(Some(&state(1, 8, &[1])), &restocked, &[grant(2)]), None);
    }

    #[test]
    fn a_missed_removal_or_restock_is_told() {
        let removed = AssetState { removed: true, ..state(2, 0, &[]) };
        let events = reconstruct(Some(&state(1, 8, &[1])), &removed, &[]).unwrap();
        assert_eq!(events[0].change, Change::Removed);
        let restocked = AssetState { units: 12, remaining: 11, ..state(2, 0, &[1]) };
        let events = reconstruct(Some(&state(1, 8, &[1])), &restocked, &[]).unwrap();
        assert_eq!(events[0].change, Change::restocked(12));
    }

    #[test]
    fn a_missed_reset_is_told_as_a_creation_unless_it_may_be_a_release() {
        let whole = Change::Changed { units: 9, created: true, options: AssetOptions::NONE };
        for known in [state(2, 7, &[1, 2]), state(2, 9, &[]), AssetState { units: 12, ..state(2, 10, &[1, 2]) }]
        {
            let events = reconstruct(Some(&known), &state(3, 9, &[]), &[]).unwrap();
            assert_eq!((events.len(), &events[0].change), (1, &whole), "{known:?}");
        }
        let events = reconstruct(Some(&state(2, 8, &[1])), &state(3, 9, &[]), &[]).unwrap();
        assert!(matches!(events[0].change, Change::Released { .. }), "what follows is the same");
        let restocked = AssetState { units: 12, ..state(2, 11, &[1]) };
        assert_eq!(reconstruct(Some(&restocked), &state(3, 9, &[]), &[]), None);
    }
}
