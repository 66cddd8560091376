//! What the players on this node hold, as far as the store must be asked.

use std::{sync::Arc, time::Duration};

use super::{meters::StoreCall, node::Node, registry::RoomHandle, retry::StoreCalls};
use crate::model::{AssetName, PlayerName};

/// Asks the store what players hold.
pub(super) struct Holdings {
    pub(super) node: Arc<Node>,
    pub(super) calls: Arc<StoreCalls>,
}

/// Assets whose view is older than a holding that the store reported, each with the revision of that grant.
pub(super) type Behind = Vec<(AssetName, u64)>;

impl Holdings {
    /// Asks for a player whose holdings are unknown. While the store is unreachable, the view's first holders must do.
    ///
    /// The caller must repair what is behind before it waits for anything else, because until then a select may create
    /// an asset that the store has lost.
    pub(super) async fn load(&self, room: &RoomHandle, player: &PlayerName, patience: Duration) -> Behind {
        let Some(question) = room.with(|state| state.presence.question(player)) else { return Behind::new() };
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
            behind
        })
    }
}
