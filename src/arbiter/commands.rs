//! Runs the changes that are not batched.

mod leases;

use std::{future::Future, sync::Arc};

use tokio::time::Instant;

use super::{
    baseline::Baseline,
    events::Events,
    limits,
    meters::StoreCall,
    node::Node,
    queue::{Ask, Command},
    refusal::Refusal,
    registry::RoomHandle,
    regression::{Missing, Regression},
    retry::StoreCalls,
};
use crate::{
    model::{AssetName, AssetState, Change, EndReason, ErrorCode, NewAsset, ServerMessage, Units},
    store::{self, Applied, AssetKey, Call, Created},
};

pub(super) struct Commands {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    regression: Arc<Regression>,
    events: Arc<Events>,
}

impl Commands {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        regression: Arc<Regression>,
        events: Arc<Events>,
    ) -> Self {
        Self { node, calls, regression, events }
    }

    /// Makes the store call, answers the caller, and broadcasts the change.
    pub(super) async fn run(&self, room: &RoomHandle, asset: &AssetName, command: Command) {
        let call = Call { by: command.by(), ..self.node.next_call(Instant::now()) };
        match command {
            Command::Release(ask, reason) => self.release(room, asset, ask, reason, call).await,
            Command::Confirm(ask, retake) => self.confirm(room, asset, ask, retake, call).await,
            Command::Extend(ask) => self.extend(room, asset, ask, call).await,
            Command::Prolong(players) => self.prolong(room, asset, &players, call).await,
            Command::Expire => self.expire(room, asset, call).await,
            Command::Create(new, answer) => {
                let deadline = self.node.deadline(answer.since);
                answer.send(self.create(room, asset, &new, call, deadline).await);
            }
            Command::Restock { n, condition, answer } => {
                let deadline = self.node.deadline(answer.since);
                answer.send(self.restock(room, asset, n, condition, call, deadline).await);
            }
            Command::Reset(answer) => {
                let deadline = self.node.deadline(answer.since);
                answer.send(self.reset(room, asset, call, deadline).await);
            }
            Command::Remove(answer) => {
                let deadline = self.node.deadline(answer.since);
                let key = AssetKey::new(&room.name, asset);
                let remove = || self.node.store.remove_asset(call, &key);
                let (done, before) =
                    self.change_known(StoreCall::RemoveAsset, room, asset, deadline, remove).await;
                let publish = |done| self.events.publish_change(room, before, done, |_| Change::Removed);
                answer.send(done.map(publish).map(|state| state.revision));
            }
        }
    }

    async fn release(&self, room: &RoomHandle, asset: &AssetName, ask: Ask, reason: EndReason, call: Call) {
        if ask.mailbox.is_closed() {
            return;
        }
        let key = AssetKey::new(&room.name, asset);
        let release = || self.node.store.release(call, &key, &ask.player, reason);
        let deadline = self.node.deadline(ask.since);
        let (done, before) = self.change_known(StoreCall::Release, room, asset, deadline, release).await;
        match done {
            Ok(done) => {
                ask.mailbox.push(ServerMessage::Release {
                    request_id: ask.request_id,
                    asset: asset.clone(),
                    released: true,
                    remaining: done.remaining,
                    revision: done.revision,
                });
                self.events.publish_change(room, before, done, |_| Change::Released {
                    player: ask.player,
                    reason,
                    next_end: None,
                });
            }
            Err(refusal) => ask.refuse(&refusal),
        }
    }

    async fn create(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        new: &NewAsset,
        call: Call,
        deadline: Instant,
    ) -> Result<Applied<Created>, Refusal> {
        room.with(|state| match state.view.get(asset) {
            Some(known) if !known.removed => Ok(()),
            _ => limits::check_assets(&self.node.config, &state.view),
        })?;
        let mut before = Baseline::now(room, asset);
        // The store may have lost an asset that this node knows. The members must receive the loss before
        // the new asset hides it.
        if before.is_known() {
            match self.events.explain_missing(room, asset, before, deadline).await {
                Missing::Absent | Missing::Found(_) => {}
                Missing::Lost | Missing::RoomRemoved => {
                    self.regression.reloaded(room, deadline).await?;
                    before = Baseline::now(room, asset);
                }
            }
        }
        let key = AssetKey::new(&room.name, asset);
        let create = || self.node.store.create(call, &key, new);
        let created = self.calls.call_with_retry(StoreCall::Create, &room.name, deadline, create).await?;
        if created.created {
            let done = created.clone().map(|created| created.state);
            self.events.publish_change(room, before, done, Change::created);
        } else {
            self.events.observe(room, before, &created.state);
        }
        Ok(created)
    }

    async fn restock(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
        call: Call,
        deadline: Instant,
    ) -> Result<AssetState, Refusal> {
        let units = room.with(|state| state.view.get(asset).map_or(0, |known| known.units));
        limits::check_units(&self.node.config, units.saturating_add(n))?;
        let key = AssetKey::new(&room.name, asset);
        let restock = || self.node.store.restock(call, &key, n, condition);
        let (done, before) = self.change_known(StoreCall::Restock, room, asset, deadline, restock).await;
        Ok(self.events.publish_change(room, before, done?, |state| Change::restocked(state.units)))
    }

    /// Members are told what a creation tells them: the units, none of which is held.
    async fn reset(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        call: Call,
        deadline: Instant,
    ) -> Result<AssetState, Refusal> {
        let key = AssetKey::new(&room.name, asset);
        let reset = || self.node.store.reset(call, &key);
        let (done, before) = self.change_known(StoreCall::Reset, room, asset, deadline, reset).await;
        Ok(self.events.publish_change(room, before, done?, Change::created))
    }

    /// Changes an asset that must exist, and returns the baseline before the change. If the store does not have the
    /// asset, checks whether the store lost it.
    async fn change_known<T, F>(
        &self,
        kind: StoreCall,
        room: &RoomHandle,
        asset: &AssetName,
        deadline: Instant,
        change: impl FnMut() -> F,
    ) -> (Result<Applied<T>, Refusal>, Baseline)
    where
        F: Future<Output = store::Result<Applied<T>>>,
    {
        let before = Baseline::now(room, asset);
        let done = self.calls.call_with_retry(kind, &room.name, deadline, change).await;
        if done.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::UnknownAsset) {
            self.events.explain_missing(room, asset, before, deadline).await;
        }
        (done, before)
    }
}
