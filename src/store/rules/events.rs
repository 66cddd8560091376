//! The events of changes, for stores that keep them. Call these when the counter is as after the change.

use super::{Asset, Counter};
use crate::model::{AssetEvent, By, EndReason, EventKind, Grant, Millis};

/// Keeps the event of a change of the asset itself.
pub(super) fn keep<A: Asset>(
    asset: &mut A,
    kind: EventKind,
    at: Millis,
    by: Option<By>,
) -> Result<(), A::Error> {
    keep_with(asset, kind, at, |event| AssetEvent { by, ..event })
}

/// Keeps the event of a new or confirmed grant.
pub(super) fn keep_of_grant<A: Asset>(
    asset: &mut A,
    kind: EventKind,
    grant: &Grant,
    at: Millis,
    by: Option<By>,
) -> Result<(), A::Error> {
    keep_with(asset, kind, at, |event| AssetEvent { by, ..event.of_grant(grant) })
}

/// Keeps the event of a grant that ended at `at`. Nobody ends one whose deadline passes.
pub(super) fn keep_of_end<A: Asset>(
    asset: &mut A,
    grant: &Grant,
    reason: EndReason,
    at: Millis,
    by: Option<By>,
) -> Result<(), A::Error> {
    let player = || Some(grant.player.clone());
    keep_with(asset, EventKind::Released, at, |event| AssetEvent {
        reason: Some(reason),
        player: player(),
        by,
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
        by: None,
    };
    asset.keep_event(detail(event))
}
