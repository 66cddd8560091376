use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::model::AssetName;

/// The sold-out assets of a room, so that a node may deny a select without a store call. An entry is only used to deny,
/// and only while the asset still has the revision at which it was sold out.
#[derive(Debug)]
pub(super) struct SoldOutMemory {
    /// How long an entry is valid; zero: no entries are kept.
    ttl: Duration,
    learnt: BTreeMap<AssetName, (u64, Instant)>,
}

impl SoldOutMemory {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, learnt: BTreeMap::new() }
    }

    /// Records that the asset was sold out at `revision`. There are at most as many entries as the room has assets.
    pub(super) fn learn(&mut self, asset: &AssetName, revision: u64) {
        if !self.ttl.is_zero() {
            self.learnt.insert(asset.clone(), (revision, Instant::now()));
        }
    }

    /// Drops all entries, because the revisions start again.
    pub(super) fn forget(&mut self) {
        self.learnt.clear();
    }

    /// Whether the asset, now at `revision`, is known to be sold out.
    pub(super) fn knows(&self, asset: &AssetName, revision: u64) -> bool {
        !self.ttl.is_zero()
            && self.learnt.get(asset).is_some_and(|&(at, since)| at == revision && since.elapsed() < self.ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_memory_counts_for_one_revision_and_for_its_time() {
        let sword = "sword".parse().unwrap();
        let mut memory = SoldOutMemory::new(Duration::from_secs(1));
        memory.learn(&sword, 5);
        assert!(memory.knows(&sword, 5));
        assert!(!memory.knows(&sword, 6), "somebody released or restocked");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!memory.knows(&sword, 5));
    }

    #[test]
    fn it_is_off_by_default() {
        let sword = "sword".parse().unwrap();
        let mut memory = SoldOutMemory::new(Duration::ZERO);
        memory.learn(&sword, 5);
        assert!(!memory.knows(&sword, 5));
    }
}
