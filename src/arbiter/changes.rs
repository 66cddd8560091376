//! What callers who are no members change.

use super::{Arbiter, Kicked, Refusal, Scope, limits, queue::Command};
use crate::{
    model::{
        AssetName, AssetState, By, EndReason, NewAsset, PlayerName, RoomName, ServerMessage, TraceParent, Units,
    },
    store::{Applied, Created},
};

/// Changes that callers make who are no members of a room. Their events say who makes them.
#[derive(Clone, Copy)]
pub struct Changes<'a> {
    pub(super) arbiter: &'a Arbiter,
    pub(super) by: Option<By>,
}

impl Changes<'_> {
    /// Creates an asset, or returns the existing one if it has the same units and options.
    ///
    /// # Errors
    /// `Conflict`, `LimitReached`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn create(
        &self,
        room: &RoomName,
        asset: &AssetName,
        new: NewAsset,
    ) -> Result<Applied<Created>, Refusal> {
        limits::check_new(&self.arbiter.node.config, self.arbiter.node.store.limits(), &new)
            .map_err(|refusal| refusal.about(Scope::Request))?;
        let create = |answer| Command::Create(Box::new(new), answer);
        self.arbiter.requests.command(room, asset, (true, self.by), create).await
    }

    /// Selects on behalf of a player. Returns a `Selection` or an `Error`. `parent`: the caller's span, if it traces the request.
    pub async fn select(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        parent: Option<TraceParent>,
    ) -> ServerMessage {
        self.arbiter.requests.select(room, asset, player, self.by, parent).await
    }

    /// Releases on behalf of a player. Returns a `Release` or an `Error`.
    pub async fn release(&self, room: &RoomName, asset: &AssetName, player: &PlayerName) -> ServerMessage {
        self.arbiter.requests.release(room, asset, player, (EndReason::Released, self.by)).await
    }

    /// Confirms a hold on behalf of a player. With `retake`, a player whose hold has expired gets a unit that is left.
    /// Returns a `Confirmation` or an `Error`.
    pub async fn confirm(
        &self,
        room: &RoomName,
        asset: &AssetName,
        player: &PlayerName,
        retake: bool,
    ) -> ServerMessage {
        self.arbiter.requests.confirm(room, asset, player, retake, self.by).await
    }

    /// Extends a hold on behalf of a player. Returns an `Extension` or an `Error`.
    pub async fn extend(&self, room: &RoomName, asset: &AssetName, player: &PlayerName) -> ServerMessage {
        self.arbiter.requests.extend(room, asset, player, self.by).await
    }

    /// Adds `n` units, if the asset's revision is `condition` or there is no condition.
    ///
    /// # Errors
    /// `UnknownAsset`, `Conflict`, `LimitReached`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn restock(
        &self,
        room: &RoomName,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
    ) -> Result<AssetState, Refusal> {
        limits::check_units(&self.arbiter.node.config, n).map_err(|refusal| refusal.about(Scope::Request))?;
        self.arbiter
            .requests
            .command(room, asset, (false, self.by), |answer| Command::Restock { n, condition, answer })
            .await
    }

    /// Removes an asset and returns the revision of its removal.
    ///
    /// # Errors
    /// `UnknownAsset`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn remove_asset(&self, room: &RoomName, asset: &AssetName) -> Result<u64, Refusal> {
        self.arbiter.requests.command(room, asset, (false, self.by), Command::Remove).await
    }

    /// Removes a room with all its assets and disconnects its members.
    ///
    /// # Errors
    /// `UnknownRoom`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn remove_room(&self, room: &RoomName) -> Result<(), Refusal> {
        self.arbiter.removal.remove(room, self.by).await
    }

    /// Makes every stored asset of a room whole again: nobody holds it, and it has the units of its creation. Each asset is
    /// one change. Members stay. Returns the assets.
    ///
    /// # Errors
    /// `UnknownRoom`; `StoreUnavailable`, `OutcomeUnknown`: some assets may not be reset.
    pub async fn reset_room(&self, room: &RoomName) -> Result<Vec<AssetName>, Refusal> {
        self.arbiter.resets.reset(room, self.by).await
    }

    /// Ends a player's connections to a room with 4005, on all nodes that the bus reaches. The player's assets stay held,
    /// unless `release`.
    ///
    /// # Errors
    /// `StoreUnavailable`, `OutcomeUnknown`: some assets may not be released. The connections ended.
    pub async fn kick(&self, room: &RoomName, player: &PlayerName, release: bool) -> Result<Kicked, Refusal> {
        self.arbiter.kicks.kick(room, player, release, self.by).await
    }
}
