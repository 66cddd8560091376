use super::{Ask, Counter, Outcome, UNKNOWN};
use crate::{
    model::{AssetName, Units},
    store::{StoreError, StoreErrorKind},
};

/// The refusal of the call, if any. A late copy of a call may find the outcome of a later call of its node, so the
/// outcome may be one that this kind of call never has.
fn refused(ask: Ask<'_>, outcome: Outcome, repeated: bool, most_units: Units) -> Option<StoreErrorKind> {
    use StoreErrorKind::{Conflict, LimitReached, NotHeld};
    match (ask, outcome) {
        (Ask::Create { .. }, Outcome::Refused(Conflict)) => Some(Conflict),
        (Ask::Create { new }, Outcome::Refused(LimitReached)) if new.units > most_units => Some(LimitReached),
        (Ask::Create { .. }, _) => None,
        (_, UNKNOWN) => Some(StoreErrorKind::UnknownAsset),
        (Ask::Select { .. }, Outcome::Refused(LimitReached)) if !repeated => Some(LimitReached),
        (Ask::Release { .. }, Outcome::Unchanged | Outcome::Refused(_)) => Some(NotHeld),
        (Ask::Extend { .. }, Outcome::Refused(Conflict)) => Some(Conflict),
        (Ask::Confirm { .. } | Ask::Extend { .. }, Outcome::Refused(_)) => Some(NotHeld),
        (Ask::Restock { .. }, Outcome::Refused(LimitReached)) => Some(LimitReached),
        (Ask::Restock { .. }, Outcome::Unchanged | Outcome::Refused(_)) => Some(Conflict),
        _ => None,
    }
}

/// Fails if the call is refused, on an asset as it is after the call.
///
/// # Errors
/// `UnknownAsset`, `NotHeld`, `Conflict`, `LimitReached`.
pub(in crate::store) fn unless_refused(
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
        (
            StoreErrorKind::NotHeld,
            Ask::Release { player, .. } | Ask::Confirm { player, .. } | Ask::Extend { player, .. },
        ) => StoreError::not_held(store, asset, player),
        (StoreErrorKind::Conflict, Ask::Create { new }) => {
            let options = counter.terms.as_ref().map(|terms| &terms.options);
            StoreError::created_otherwise(store, asset, (counter.created_units, options), new)
        }
        (StoreErrorKind::Conflict, Ask::Extend { player, .. }) => StoreError::no_hold(store, asset, player),
        (StoreErrorKind::Conflict, _) => StoreError::other_revision(store, asset, counter.revision),
        (StoreErrorKind::LimitReached, _) => StoreError::too_many_units(store, asset, most_units),
        _ => StoreError::unknown_asset(store, asset),
    })
}
