//! Removes rooms, on request or because another node removed them.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::{
    meters::StoreCall,
    node::Node,
    refusal::Refusal,
    registry::{Registry, RoomHandle},
    regression::Regression,
    repair::GAP_WAIT,
    resync::Resync,
    retry::StoreCalls,
    task::spawn_eager,
};
use crate::{
    bus::BusMessage,
    model::{By, ErrorCode, RevisionRow, RoomName},
    store::{AssetKey, Call},
};

pub(super) struct Removal {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    rooms: Arc<Registry>,
    regression: Arc<Regression>,
    resync: Arc<Resync>,
}

impl Removal {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        rooms: Arc<Registry>,
        regression: Arc<Regression>,
        resync: Arc<Resync>,
    ) -> Self {
        Self { node, calls, rooms, regression, resync }
    }

    /// Removes a room with all its assets and disconnects its members.
    ///
    /// # Errors
    /// `UnknownRoom`, `StoreUnavailable`, `OutcomeUnknown`.
    pub(super) async fn remove(&self, room: &RoomName, by: Option<By>) -> Result<(), Refusal> {
        let read = || self.node.store.revisions(room);
        let stored = self.calls.read(StoreCall::Revisions, room, read).await?;
        let has_members = self.rooms.get_with_members(room).is_some();
        if stored.is_empty() && !has_members && !self.regression.is_regressed(room) {
            return Err(Refusal::unknown_room(room));
        }
        let deadline = self.node.deadline(Instant::now());
        if self.node.store.keeps_events() {
            self.remove_each(room, &stored, deadline, by).await?;
        }
        let remove = || self.node.store.remove_room(room);
        self.calls.call_with_retry(StoreCall::RemoveRoom, room, deadline, remove).await?;
        self.forget(room);
        self.node.bus.publish(room, &BusMessage::RoomRemoved);
        Ok(())
    }

    /// Removes the assets one by one, because the removal of a room is no change of them and leaves no event.
    async fn remove_each(
        &self,
        room: &RoomName,
        stored: &[RevisionRow],
        deadline: Instant,
        by: Option<By>,
    ) -> Result<(), Refusal> {
        let mark = || self.node.store.mark(room, self.node.clock.now());
        self.calls.read(StoreCall::Mark, room, mark).await?;
        for row in stored.iter().filter(|row| !row.removed) {
            let call = Call { by, ..self.node.next_call(Instant::now()) };
            let key = AssetKey::new(room, &row.asset);
            let remove = || self.node.store.remove_asset(call, &key);
            let removed = self.calls.call_with_retry(StoreCall::RemoveAsset, room, deadline, remove).await;
            // Somebody else may have removed it meanwhile.
            if let Err(refusal) = removed
                && refusal.code != ErrorCode::UnknownAsset
            {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// Forgets a room that was removed from the store.
    pub(super) fn forget(&self, name: &RoomName) {
        if let Some(room) = self.rooms.get_or_else(name, || self.regression.forget_inactive(name)) {
            self.clear(room);
        }
    }

    /// Clears the room and disconnects its members. Events of the re-created room may have arrived before the
    /// `RoomRemoved` message; the resync that follows reads their changes from the store.
    fn clear(&self, room: RoomHandle) {
        room.clear(|| self.regression.forget(&room.name));
        if self.node.store.shared() {
            let resync = Arc::clone(&self.resync);
            spawn_eager(async move {
                sleep(GAP_WAIT).await;
                resync.run(&room).await;
            });
        }
    }
}
