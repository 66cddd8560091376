//! Makes every asset of a room whole again.

use std::sync::Arc;

use futures::{StreamExt, stream};

use super::{
    meters::StoreCall, node::Node, queue::Command, refusal::Refusal, registry::Registry, requests::Requests,
    retry::StoreCalls,
};
use crate::model::{AssetName, By, ErrorCode, RoomName};

/// How many assets of a room are reset at once.
const RESET_AT_ONCE: usize = 16;

pub(super) struct Resets {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    rooms: Arc<Registry>,
    requests: Arc<Requests>,
}

impl Resets {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        rooms: Arc<Registry>,
        requests: Arc<Requests>,
    ) -> Self {
        Self { node, calls, rooms, requests }
    }

    /// Resets every asset that the store has of the room, each in a step of its own. Returns their names.
    ///
    /// # Errors
    /// `UnknownRoom`; `StoreUnavailable`, `OutcomeUnknown`: some assets may not be reset.
    pub(super) async fn reset(&self, name: &RoomName, by: Option<By>) -> Result<Vec<AssetName>, Refusal> {
        let read = || self.node.store.revisions(name);
        let mut stored = self.calls.read(StoreCall::Revisions, name, read).await?;
        if stored.is_empty() && self.rooms.get_with_members(name).is_none() {
            return Err(Refusal::unknown_room(name));
        }
        stored.retain(|row| !row.removed);
        stored.sort_by(|a, b| a.asset.cmp(&b.asset));
        let resets = stored.into_iter().map(|row| self.reset_one(name, row.asset, by));
        let answers: Vec<_> = stream::iter(resets).buffered(RESET_AT_ONCE).collect().await;
        answers.into_iter().filter_map(Result::transpose).collect()
    }

    /// Returns the asset if it was reset, `None` if it was removed meanwhile.
    async fn reset_one(
        &self,
        name: &RoomName,
        asset: AssetName,
        by: Option<By>,
    ) -> Result<Option<AssetName>, Refusal> {
        match self.requests.command(name, &asset, (false, by), Command::Reset).await {
            Ok(_) => Ok(Some(asset)),
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}
