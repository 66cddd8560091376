use std::collections::{BTreeMap, HashMap};

use crate::model::PlayerName;

use super::Evidence;

/// Every known grant of an asset, from frames and from the store.
pub(super) struct Grants<'a> {
    by_revision: BTreeMap<u64, &'a PlayerName>,
    holders: HashMap<&'a PlayerName, u64>,
}

impl<'a> Grants<'a> {
    pub(super) fn new(evidence: &Evidence<'a>) -> Self {
        let stored = evidence.stored.holders.iter();
        let told = evidence.observations.since(evidence.baseline.revision);
        let told = told.filter_map(|(revision, page)| Some((revision, page.fact.as_ref()?.winner()?)));
        Self {
            by_revision: told.chain(stored.clone().map(|h| (h.revision, &h.player))).collect(),
            holders: stored.map(|h| (&h.player, h.revision)).collect(),
        }
    }

    /// The grants of these revisions.
    pub(super) fn between(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, &'a PlayerName)> {
        self.by_revision.range(from..=to).map(|(revision, player)| (*revision, *player))
    }

    /// The number of grants after `baseline`.
    pub(super) fn count_since(&self, baseline: u64) -> u64 {
        self.by_revision.range(baseline.saturating_add(1)..).count() as u64
    }

    /// The revision at which this player was granted its unit, according to the store.
    pub(super) fn stored(&self, player: &PlayerName) -> Option<u64> {
        self.holders.get(player).copied()
    }
}
