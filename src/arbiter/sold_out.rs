use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::model::AssetName;

/// What a room remembers of assets that were sold out, so that a node may deny without asking the store.
/// It only denies, and only while the asset's revision is the one it was learnt at.
#[derive(Debug)]
pub(super) struct SoldOutMemory {
    /// How long a memory counts; zero: nothing is remembered.
    ttl: Duration,
    learnt: BTreeMap<AssetName, (u64, Instant)>,
}

impl SoldOutMemory {
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl, learnt: BTreeMap::new() }
    }

    /// The asset was sold out at `revision`. Bounded by the room's assets, which are bounded by `--max-assets`.
    pub(super) fn learn(&mut self, asset: &AssetName, revision: u64) {
        if !self.ttl.is_zero() {
            self.learnt.insert(asset.clone(), (revision, Instant::now()));
        }
    }

    /// Revisions do not mean any more what they meant.
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
