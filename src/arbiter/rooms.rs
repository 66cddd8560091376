//! Opens rooms: subscribes to a room and reads it from the store, so that its view follows the store.

use std::sync::Arc;

use super::{
    heartbeat::Heartbeats,
    limits,
    meters::StoreCall,
    node::Node,
    refusal::Refusal,
    registry::{Registry, RoomHandle},
    regression::Regression,
    repair::{GAP_WAIT, Publish, Repair},
    resync::schedule_resync,
    retry::StoreCalls,
};
use crate::{
    model::{AssetName, RoomName},
    store::AssetKey,
};

pub(super) struct Rooms {
    pub(super) node: Arc<Node>,
    pub(super) calls: Arc<StoreCalls>,
    pub(super) registry: Arc<Registry>,
    pub(super) regression: Arc<Regression>,
    pub(super) repair: Arc<Repair>,
    pub(super) heartbeats: Arc<Heartbeats>,
}

impl Rooms {
    /// Returns the room, active and loaded.
    ///
    /// # Errors
    /// `LimitReached`: the node has `--max-rooms` active rooms; `StoreUnavailable`: the room cannot be read now.
    pub(super) async fn open(&self, name: &RoomName) -> Result<RoomHandle, Refusal> {
        let config = &self.node.config;
        let room = self.registry.get_or_open(name, config, || self.node.random_name());
        let room = room.map_err(|_| limits::too_many_rooms(config))?;
        room.loaded.get_or_try_init(|| self.load(&room)).await?;
        Ok(room)
    }

    /// Returns the room, active and loaded, for a change of one asset. An inactive room is only opened if the store has
    /// the asset or the change may create it, because clients could otherwise fill a node with empty rooms.
    ///
    /// # Errors
    /// `UnknownAsset`, and those of [`open`](Self::open).
    pub(super) async fn open_for_change(
        &self,
        name: &RoomName,
        asset: &AssetName,
        may_create: bool,
    ) -> Result<RoomHandle, Refusal> {
        if !may_create && self.registry.peek(name).is_none() {
            let key = AssetKey::new(name, asset);
            let read = || self.node.store.asset(&key);
            let stored = self.calls.read(StoreCall::Asset, name, read).await?;
            if stored.removed {
                return Err(Refusal::unknown_asset(asset));
            }
        }
        self.open(name).await
    }

    /// Subscribes before it reads, so that no change is missed in between.
    async fn load(&self, room: &RoomHandle) -> Result<(), Refusal> {
        if let Err(error) = self.node.bus.subscribe(&room.name).await {
            tracing::warn!(room = %room.name, %error, "cannot subscribe; the room learns by resync until the bus is back");
        }
        self.heartbeats.ask_other_nodes(room);
        let read = || self.node.store.snapshot(&room.name);
        let snapshot = self.calls.read(StoreCall::Snapshot, &room.name, read).await?;
        let gaps = room.with(|state| {
            if self.regression.is_regressed(&room.name) {
                state.view.mark_regressed();
            }
            let waited = state.view.load(snapshot);
            state.append_events(&waited);
            state.view.gaps()
        });
        for asset in gaps {
            self.repair.start(room, &asset, None, GAP_WAIT, Publish::Never);
        }
        schedule_resync(&self.node, room);
        Ok(())
    }
}
