//! What is done for callers that are no members: operators, servers, devices without WebSocket.

use std::sync::Arc;

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    Arbiter, Refusal, Scope,
    mailbox::Once,
    meters::StoreCall,
    queue::{Answer, Ask, Job},
    repair::GAP_WAIT,
    room::RoomHandle,
    task::spawn_eager,
    view::View,
};
use crate::{
    bus::BusMessage,
    model::{
        AssetName, AssetState, ErrorCode, Grant, PlayerName, RoomName, ServerMessage, Units,
        limits::HOLDERS_PAGE,
    },
    store::Created,
};

impl Arbiter {
    /// Creates an asset, or finds it created with the same units.
    ///
    /// # Errors
    /// `Conflict`, `LimitReached`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn create(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        units: Units,
    ) -> Result<Created, Refusal> {
        if units > self.config.max_units {
            return Err(self.too_many_units().about(Scope::Request));
        }
        let most = self.store.limits().units;
        if units > most {
            let message = format!("an asset in this store has at most {most} units");
            return Err(Refusal::new(ErrorCode::LimitReached, message).about(Scope::Request));
        }
        self.change(room, asset, |answer| Job::Create(units, answer)).await
    }

    /// Selects in a player's name. Answers a `Selection` or an `Error`.
    pub async fn select(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> ServerMessage {
        self.ask(room, asset, player, Job::Select).await
    }

    /// Releases in a player's name. Answers a `Release` or an `Error`.
    pub async fn release(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
    ) -> ServerMessage {
        self.ask(room, asset, player, Job::Release).await
    }

    /// Adds `n` units, if the asset's revision is `condition` or there is none.
    ///
    /// # Errors
    /// `UnknownAsset`, `Conflict`, `LimitReached`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn restock(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<AssetState, Refusal> {
        if n > self.config.max_units {
            return Err(self.too_many_units().about(Scope::Request));
        }
        self.change(room, asset, |answer| Job::Restock { n, condition, answer }).await
    }

    /// Removes an asset and answers the revision of its removal.
    ///
    /// # Errors
    /// `UnknownAsset`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn remove_asset(self: &Arc<Self>, room: &RoomName, asset: &AssetName) -> Result<u64, Refusal> {
        self.change(room, asset, Job::Remove).await
    }

    /// Removes a room with everything in it and sends its members away.
    ///
    /// # Errors
    /// `UnknownRoom`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn remove_room(self: &Arc<Self>, room: &RoomName) -> Result<(), Refusal> {
        let stored = self.read(StoreCall::Revisions, room, || self.store.revisions(room)).await?;
        let is_inhabited = self.rooms.get_with_members(room).is_some();
        if stored.is_empty() && !is_inhabited && !self.frozen.contains(room) {
            return Err(unknown_room(room));
        }
        let deadline = Instant::now() + self.config.select_deadline;
        self.call_with_retry(StoreCall::RemoveRoom, room, deadline, || self.store.remove_room(room)).await?;
        self.forget_room(room);
        self.bus.publish(room, &BusMessage::RoomRemoved);
        Ok(())
    }

    /// The room was removed.
    pub(super) fn forget_room(self: &Arc<Self>, name: &RoomName) {
        if let Some(room) = self.rooms.get_or_else(name, || self.thaw(name)) {
            self.begin_anew(room);
        }
    }

    /// What other nodes told of the next one before this was known is read from the store, once
    /// the members are gone, of whom nothing needs to be known any more.
    fn begin_anew(self: &Arc<Self>, room: RoomHandle) {
        room.clear(|| {
            self.frozen.remove(&room.name);
        });
        if self.store.shared() {
            let arbiter = Arc::clone(self);
            spawn_eager(async move {
                sleep(GAP_WAIT).await;
                arbiter.resync(room).await;
            });
        }
    }

    /// A page of an asset's holders, by revision, at most [`HOLDERS_PAGE`].
    ///
    /// # Errors
    /// `UnknownAsset`, `StoreUnavailable`.
    pub async fn holders(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>, Refusal> {
        let limit = limit.min(HOLDERS_PAGE);
        self.read(StoreCall::Holders, room, || self.store.holders(room, asset, after, limit)).await
    }

    async fn ask(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        job: impl FnOnce(Ask) -> Job,
    ) -> ServerMessage {
        let room = match self.open_stored(room, asset, self.config.units_of_new(asset).is_some()).await {
            Ok(room) => room,
            Err(refusal) => {
                let temporary = refusal.temporary();
                let Refusal { code, message, .. } = refusal;
                return ServerMessage::Error { code, message, request_id: None, temporary };
            }
        };
        let once = Once::new();
        let mailbox = Arc::clone(&once.0);
        let ask = Ask { player: player.clone(), request_id: None, mailbox, since: Instant::now() };
        self.submit(&room, asset.clone(), job(ask));
        once.reply().await
    }

    async fn change<T>(
        self: &Arc<Self>,
        room: &RoomName,
        asset: &AssetName,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<T, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let job = job(Answer { sender, since: Instant::now() });
        let room = self.open_stored(room, asset, matches!(job, Job::Create(..))).await?;
        self.submit(&room, asset.clone(), job);
        receiver.await.unwrap_or_else(|_| Err(Refusal::outcome_unknown()))
    }

    /// The room, active and loaded, for a change of one asset. A room that is not active is only made so if the store has
    /// the asset or the change may create it: so nobody fills a node with rooms in which there is nothing.
    ///
    /// # Errors
    /// `UnknownAsset`, and those of [`open`](Self::open).
    async fn open_stored(
        self: &Arc<Self>,
        name: &RoomName,
        asset: &AssetName,
        may_create: bool,
    ) -> Result<RoomHandle, Refusal> {
        if !may_create && self.rooms.peek(name).is_none() {
            let stored = self.read(StoreCall::Asset, name, || self.store.asset(name, asset)).await?;
            if stored.removed {
                return Err(Refusal::new(ErrorCode::UnknownAsset, format!("the room has no asset {asset}")));
            }
        }
        self.open(name).await
    }

    pub(super) fn check_room_for_asset(&self, view: &View) -> Result<(), Refusal> {
        if view.count() < self.config.max_assets {
            return Ok(());
        }
        let message = format!("the room has {} assets, as many as --max-assets allows", self.config.max_assets);
        Err(Refusal::new(ErrorCode::LimitReached, message))
    }

    pub(super) fn too_many_units(&self) -> Refusal {
        let message = format!("an asset has at most {} units, as --max-units says", self.config.max_units);
        Refusal::new(ErrorCode::LimitReached, message)
    }
}

pub(super) fn unknown_room(room: &RoomName) -> Refusal {
    Refusal::new(ErrorCode::UnknownRoom, format!("room {room} has no assets stored and nobody in it"))
}
