//! Removes a player from a room, on request or because another node was asked to.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::{
    meters::StoreCall, node::Node, refusal::Refusal, registry::Registry, requests::Requests, retry::StoreCalls,
};
use crate::{
    bus::BusMessage,
    model::{AssetName, By, CloseCode, EndReason, ErrorCode, PlayerName, RoomName, ServerMessage},
};

/// How many assets of a player are released at once.
const RELEASED_AT_ONCE: usize = 16;

/// What became of a kicked player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kicked {
    /// The number of connections that this node ends. Other nodes end theirs.
    pub connections: usize,
    /// The assets that were released, if that was asked for.
    pub released: Vec<AssetName>,
}

pub(super) struct Kicks {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    rooms: Arc<Registry>,
    requests: Arc<Requests>,
}

impl Kicks {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        rooms: Arc<Registry>,
        requests: Arc<Requests>,
    ) -> Self {
        Self { node, calls, rooms, requests }
    }

    /// Ends the connections of a player to a room, on all nodes that the bus reaches. With `release`, the player's assets
    /// are released then.
    ///
    /// # Errors
    /// `StoreUnavailable`, `OutcomeUnknown`: some assets may not be released. The connections ended.
    pub(super) async fn kick(
        &self,
        name: &RoomName,
        player: &PlayerName,
        release: bool,
        by: Option<By>,
    ) -> Result<Kicked, Refusal> {
        let connections = self.end(name, player);
        self.node.bus.publish(name, &BusMessage::Kick { player: player.clone() });
        let released = if release { self.release_all(name, player, by).await? } else { Vec::new() };
        Ok(Kicked { connections, released })
    }

    /// Ends the player's connections to this node. Returns their number.
    pub(super) fn end(&self, name: &RoomName, player: &PlayerName) -> usize {
        let Some(room) = self.rooms.peek(name) else { return 0 };
        let connections = room.members().of(player);
        connections.iter().for_each(|connection| connection.mailbox.end(CloseCode::Kicked));
        connections.len()
    }

    async fn release_all(
        &self,
        name: &RoomName,
        player: &PlayerName,
        by: Option<By>,
    ) -> Result<Vec<AssetName>, Refusal> {
        let held_by = || self.node.store.held_by(name, player);
        let held = self.calls.read(StoreCall::HeldBy, name, held_by).await?;
        let releases = held.into_iter().map(|(asset, _)| self.release(name, asset, player, by));
        let answers: Vec<_> = stream::iter(releases).buffered(RELEASED_AT_ONCE).collect().await;
        answers.into_iter().filter_map(Result::transpose).collect()
    }

    /// Returns the asset if it was released, `None` if the player does not hold it any longer.
    async fn release(
        &self,
        name: &RoomName,
        asset: AssetName,
        player: &PlayerName,
        by: Option<By>,
    ) -> Result<Option<AssetName>, Refusal> {
        match self.requests.release(name, &asset, player, (EndReason::Kicked, by)).await {
            ServerMessage::Error { code: ErrorCode::NotHeld | ErrorCode::UnknownAsset, .. } => Ok(None),
            ServerMessage::Error { code, message, .. } => Err(Refusal::new(code, message)),
            _ => Ok(Some(asset)),
        }
    }
}
