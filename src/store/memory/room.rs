use super::{
    NAME,
    asset::{Asset, Held},
    expiry::Entry,
    outbox::MemoryOutbox,
};
use crate::{
    model::{self, AssetName, AssetState, Millis, NameMap, Units},
    store::{
        AssetKey, Call, Result,
        rules::{self, Ask, Decided},
    },
};

/// The assets of a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Ordered by name, as in snapshots.
    pub(super) assets: NameMap<model::Asset, Asset>,
    pub(super) held: Held,
    pub(super) used_at: Millis,
    /// The room's entry in the expiry queue.
    pub(super) expires: Option<Entry>,
}

impl Room {
    /// Decides a call on an asset, and shows it with its first `holders` holders; `None`: there is none.
    pub(super) fn decide(
        &mut self,
        call: Call,
        key: &AssetKey,
        ask: Ask<'_>,
        holders: usize,
        outbox: Option<&MemoryOutbox>,
    ) -> Option<Result<(Decided, AssetState)>> {
        let found = self.assets.get_mut(&key.asset)?;
        let decided = found.decide(&mut self.held, key, call, ask, false, outbox);
        Some(answered(&key.asset, ask, holders, decided, found))
    }
}

pub(super) fn answered(
    asset: &AssetName,
    ask: Ask<'_>,
    holders: usize,
    decided: Decided,
    found: &Asset,
) -> Result<(Decided, AssetState)> {
    let outcome = (decided.outcome, decided.repeated);
    rules::unless_refused(NAME, outcome, ask, asset, &found.counter, Units::MAX)?;
    Ok((decided, found.state(asset, holders)))
}
