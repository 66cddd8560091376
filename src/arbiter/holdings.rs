//! Reads the holdings of local players from the store.

use std::{sync::Arc, time::Duration};

use super::{meters::StoreCall, node::Node, registry::RoomHandle, retry::StoreCalls};
use crate::model::{AssetName, PlayerName};

/// Reads holdings from the store.
pub(super) struct Holdings {
    pub(super) node: Arc<Node>,
    pub(super) calls: Arc<StoreCalls>,
}

/// Assets whose view is older than a holding that the store reported, each with the revision of that grant.
pub(super) type Behind = Vec<(AssetName, u64)>;

impl Holdings {
    /// Reads the holdings of a player if they are unknown. If the store is unreachable, they are guessed from the
    /// holders that the view lists.
    ///
    /// The caller must repair the assets that are behind before it waits for anything else, because until then a select
    /// may create an asset that the store has lost.
    pub(super) async fn load(&self, room: &RoomHandle, player: &PlayerName, patience: Duration) -> Behind {
        let Some(question) = room.read(|state| state.presence.question(player)) else { return Behind::new() };
        let ask = || self.node.store.held_by(&room.name, player);
        let answer = self.calls.read_within(StoreCall::HeldBy, &room.name, patience, ask).await;
        room.with(|state| {
            let Ok(rows) = answer else {
                let listed = state.view.listed_holdings(player);
                state.presence.guess(player, listed);
                return Behind::new();
            };
            let is_behind = |(asset, revision): &&(AssetName, u64)| state.view.is_behind(asset, *revision);
            let behind = rows.iter().filter(is_behind).cloned().collect();
            state.presence.learn(player, question, rows);
            state.prolong_holdings_of(player);
            behind
        })
    }
}
