//! The events of changes, for stores that keep them. Call these when the counter is as after the change.

use super::{Asset, Counter};
use crate::model::{AssetEvent, EndReason, EventKind, Grant, Millis};

/// Keeps the event of a change of the asset itself.
pub(super) fn keep<A: Asset>(asset: &mut A, kind: EventKind, at: Millis) -> Result<(), A::Error> {
    keep_with(asset, kind, at, |event| event)
}

/// Keeps the event of a new or confirmed grant.
pub(super) fn keep_of_grant<A: Asset>(
    asset: &mut A,
    kind: EventKind,
    grant: &Grant,
    at: Millis,
) -> Result<(), A::Error> {
    keep_with(asset, kind, at, |event| event.of_grant(grant))
}

/// Keeps the event of a grant that ended at `at`.
pub(super) fn keep_of_end<A: Asset>(
    asset: &mut A,
    grant: &Grant,
    reason: EndReason,
    at: Millis,
) -> Result<(), A::Error> {
    let player = || Some(grant.player.clone());
    keep_with(asset, EventKind::Released, at, |event| AssetEvent {
        reason: Some(reason),
        player: player(),
        ..event
    })
}

fn keep_with<A: Asset>(
    asset: &mut A,
    kind: EventKind,
    at: Millis,
    detail: impl FnOnce(AssetEvent) -> AssetEvent,
) -> Result<(), A::Error> {
    if !asset.keeps_events() {
        return Ok(());
    }
    let Counter { origin, revision, units, remaining, .. } = *asset.counter();
    let (reason, until, player) = (None, None, None);
    let first = revision;
    let event = AssetEvent {
        origin,
        revision,
        first,
        kind,
        at,
        units,
        remaining,
        reason,
        until,
        is_hold: false,
        player,
    };
    asset.keep_event(detail(event))
}
