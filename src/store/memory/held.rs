use std::collections::{BTreeMap, HashMap};

use crate::model::{AssetName, PlayerName};

/// The grants of each player of a room: their revisions, by asset. A player without a unit has no entry.
#[derive(Debug, Default)]
pub(super) struct Held(HashMap<PlayerName, BTreeMap<AssetName, u64>>);

impl Held {
    /// The revision of the player's grant of one asset.
    pub(super) fn revision(&self, player: &PlayerName, asset: &AssetName) -> Option<u64> {
        self.0.get(player)?.get(asset).copied()
    }

    /// The player's grants, ordered by asset.
    pub(super) fn by(&self, player: &PlayerName) -> Vec<(AssetName, u64)> {
        let held = self.0.get(player).into_iter().flatten();
        held.map(|(asset, revision)| (asset.clone(), *revision)).collect()
    }

    pub(super) fn insert(&mut self, player: &PlayerName, asset: &AssetName, revision: u64) {
        self.0.entry(player.clone()).or_default().insert(asset.clone(), revision);
    }

    pub(super) fn remove(&mut self, player: &PlayerName, asset: &AssetName) {
        let Some(held) = self.0.get_mut(player) else { return };
        held.remove(asset);
        if held.is_empty() {
            self.0.remove(player);
        }
    }
}
