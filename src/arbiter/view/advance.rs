use crate::model::{AssetState, Change, Event, Grant, Lease, Terms, limits::HOLDERS_SHOWN};

/// Applies the next event of an asset.
pub(super) fn advance(state: &mut AssetState, event: &Event) {
    state.revision = event.revision;
    state.remaining = event.remaining;
    match &event.change {
        Change::Granted { player, units, at, lease, options } => {
            if let (None, Some(options)) = (&state.terms, options) {
                state.terms = Terms::of_new(options, *at);
            }
            // The list has the first holders by revision, so it may only grow while it is complete.
            if state.holders.len() == state.held as usize && state.holders.len() < HOLDERS_SHOWN {
                if state.holders.is_empty() {
                    // Most assets never have a second holder.
                    state.holders.reserve_exact(1);
                }
                state.holders.push(Grant::leased(player.clone(), *at, event.revision, *lease));
            }
            expect_end(state, lease);
            state.held += 1;
            state.units = *units;
        }
        Change::Confirmed { player, lease, .. } | Change::Extended { player, lease, .. } => {
            let listed = state.holders.iter_mut().filter(|grant| grant.player == *player);
            listed.for_each(|grant| grant.lease = *lease);
            expect_end(state, lease);
        }
        Change::Prolonged => {}
        Change::Released { player, next_end, .. } => {
            if let (Some(terms), Some(next_end)) = (&mut state.terms, next_end) {
                terms.next_end = Some(*next_end).filter(|at| *at != Change::NEVER);
            }
            state.holders.retain(|grant| grant.player != *player);
            state.held = state.held.saturating_sub(1);
        }
        Change::Changed { units, created, options } => {
            state.units = *units;
            if *created {
                state.terms = Terms::of_new(options, 0);
                (state.removed, state.held) = (false, 0);
                state.holders.clear();
            }
        }
        Change::Removed => {
            (state.removed, state.held) = (true, 0);
            state.holders.clear();
        }
    }
}

/// Notes when a grant ends, so that the node ends it in time.
fn expect_end(state: &mut AssetState, lease: &Lease) {
    if let Some(terms) = &mut state.terms {
        terms.expect_end_of(lease);
    }
}
