//! The rules: which player gets a unit, in which order changes are broadcast, and how a lost reply is handled.
//! There are no sockets and no drivers in here.
//!
//! A change goes `batch` -> `select` or `commands` -> `events` -> `room`. The modules of each group below import only
//! each other and the groups above, without a cycle (`tests/tidy.rs`).

mod clock;
mod config;
mod meters;
mod node;
mod refusal;
mod spans;
mod task;
mod vital;

mod deadlines;
mod log;
mod parts;
mod presence;
mod roster;
mod select_rate;
mod snapshot;
mod sold_out;
mod view;

mod baseline;
mod mailbox;
mod queue;
mod registry;
mod regressed_rooms;
mod room;

mod holdings;
mod in_flight;
mod limits;
mod readiness;
mod reconstruct;
mod regression;
mod repair;
mod retry;

mod bus_watch;
mod outbox;
mod skew;

mod batch;
mod commands;
mod events;
mod select;
mod verdicts;

mod changes;
mod expiry;
mod heartbeat;
mod join;
mod kick;
mod member;
pub mod overview;
mod removal;
mod requests;
mod reset;
mod resync;
mod resync_all;
mod revocations;
mod room_json;
mod rooms;
mod same_player;
mod start;
mod tasks;
mod upkeep;

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

pub use self::{
    changes::Changes,
    config::{Config, SamePlayer},
    kick::Kicked,
    mailbox::Mailbox,
    member::{Join, Member, Resume, Taken},
    outbox::{History, Outbox, RoomsPage},
    refusal::{JoinError, Refusal, Scope},
    revocations::Revocations,
    room_json::{AssetsJson, Outdated, RoomJson, RoomState},
    spans::{Attempt, SelectSpan, SpanSink, Spans},
    vital::Vital,
};
use self::{
    heartbeat::Heartbeats, join::Joins, kick::Kicks, meters::StoreCall, node::Node, readiness::Readiness,
    removal::Removal, requests::Requests, reset::Resets, retry::StoreCalls, rooms::Rooms,
};
use crate::{
    model::{
        AssetName, AssetState, By, Grant, Millis, NewAsset, PlayerName, RoomName, ServerMessage, Units,
        limits::HOLDERS_PAGE,
    },
    store::{Applied, AssetKey, Created},
};

/// Runs all rooms of this node.
pub struct Arbiter {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    readiness: Arc<Readiness>,
    rooms: Arc<Rooms>,
    requests: Arc<Requests>,
    joins: Joins,
    removal: Arc<Removal>,
    kicks: Arc<Kicks>,
    resets: Resets,
    revocations: Arc<Revocations>,
    outbox: Arc<Outbox>,
    heartbeats: Arc<Heartbeats>,
    vital: Arc<Vital>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Arbiter {
    /// Whether players may connect to this node: the store has accepted a change, and does not refuse changes now. The
    /// node stays ready when the store becomes unreachable later, because all other nodes have the same store.
    ///
    /// # Errors
    /// The store's message: why it was not reached yet, or why it refuses changes.
    pub fn ready(&self) -> Result<(), String> {
        self.node.store.status().map_err(|error| error.to_string())?;
        self.readiness.now()
    }

    /// Waits for the store's first answer, without a time limit.
    ///
    /// # Errors
    /// Why retrying cannot help: the configuration must be changed.
    pub async fn store_reached(&self) -> Result<(), String> {
        self.readiness.reached().await
    }

    /// Unix time in milliseconds. It never decreases, and follows tokio's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.node.clock.now()
    }

    /// Watches the tasks that the node needs. The server adds its own tasks.
    #[must_use]
    pub fn vital(&self) -> &Arc<Vital> {
        &self.vital
    }

    /// Joins a room: subscribe, then snapshot, then stream. The welcome is the member's first message.
    ///
    /// # Errors
    /// [`JoinError`]: the room or node is full, or the store is unreachable and there is no view of the room.
    pub async fn join(&self, join: Join) -> Result<Member, JoinError> {
        self.joins.join(join).await
    }

    /// The changes that somebody else than a player makes; `None`: that a player makes, or nobody in particular.
    #[must_use]
    pub fn changes_by(&self, by: Option<By>) -> Changes<'_> {
        Changes { arbiter: self, by }
    }

    /// [`Changes::create`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn create(
        &self,
        room: &RoomName,
        asset: &AssetName,
        new: NewAsset,
    ) -> Result<Applied<Created>, Refusal> {
        self.changes_by(None).create(room, asset, new).await
    }

    /// [`Changes::select`] by nobody in particular.
    pub async fn select(&self, room: &RoomName, asset: &AssetName, player: &PlayerName) -> ServerMessage {
        self.changes_by(None).select(room, asset, player, None).await
    }

    /// [`Changes::release`] by nobody in particular.
    pub async fn release(&self, room: &RoomName, asset: &AssetName, player: &PlayerName) -> ServerMessage {
        self.changes_by(None).release(room, asset, player).await
    }

    /// [`Changes::confirm`] by nobody in particular.
    pub async fn confirm(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        retake: bool,
    ) -> ServerMessage {
        self.changes_by(None).confirm(room, asset, player, retake).await
    }

    /// [`Changes::extend`] by nobody in particular.
    pub async fn extend(&self, room: &RoomName, asset: &AssetName, player: &PlayerName) -> ServerMessage {
        self.changes_by(None).extend(room, asset, player).await
    }

    /// [`Changes::restock`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn restock(
        &self,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<AssetState, Refusal> {
        self.changes_by(None).restock(room, asset, n, condition).await
    }

    /// [`Changes::remove_asset`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn remove_asset(&self, room: &RoomName, asset: &AssetName) -> Result<u64, Refusal> {
        self.changes_by(None).remove_asset(room, asset).await
    }

    /// [`Changes::remove_room`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn remove_room(&self, room: &RoomName) -> Result<(), Refusal> {
        self.changes_by(None).remove_room(room).await
    }

    /// [`Changes::reset_room`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn reset_room(&self, room: &RoomName) -> Result<Vec<AssetName>, Refusal> {
        self.changes_by(None).reset_room(room).await
    }

    /// [`Changes::kick`] by nobody in particular.
    ///
    /// # Errors
    /// As there.
    pub async fn kick(&self, room: &RoomName, player: &PlayerName, release: bool) -> Result<Kicked, Refusal> {
        self.changes_by(None).kick(room, player, release).await
    }

    /// The revoked player tokens.
    #[must_use]
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// The changes that the store keeps as events.
    #[must_use]
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The rooms that this node has loaded.
    #[must_use]
    pub fn overview(&self) -> overview::Overview<'_> {
        overview::Overview { node: &self.node, calls: &self.calls, rooms: &self.rooms.registry }
    }

    /// Returns a copy of a room's state.
    ///
    /// # Errors
    /// `UnknownRoom`: no assets stored and no members; `StoreUnavailable`.
    pub async fn room(&self, name: &RoomName) -> Result<RoomState, Refusal> {
        room_json::room_state(&self.rooms, name).await
    }

    /// Returns a room's state, encoded once for all readers.
    ///
    /// # Errors
    /// `UnknownRoom`: no assets stored and no members; `StoreUnavailable`.
    pub async fn room_json(&self, name: &RoomName) -> Result<RoomJson, Refusal> {
        room_json::room_json(&self.rooms, name).await
    }

    /// Returns a page of an asset's holders, ordered by revision, at most [`HOLDERS_PAGE`].
    ///
    /// # Errors
    /// `UnknownAsset`, `StoreUnavailable`.
    pub async fn holders(
        &self,
        room: &RoomName,
        asset: &AssetName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Grant>, Refusal> {
        let limit = limit.min(HOLDERS_PAGE);
        let key = AssetKey::new(room, asset);
        let page = || self.node.store.holders(&key, after, limit);
        self.calls.read(StoreCall::Holders, room, page).await
    }

    /// Announces that this node leaves, so that all other nodes remove its players at once.
    pub async fn farewell(&self) {
        self.heartbeats.farewell().await;
    }

    /// Makes no more store calls, and waits a second at most for those in flight, so that the store may be closed.
    pub async fn stop(&self) {
        self.calls.stop().await;
    }
}
