//! One change of an asset after the other: the store decides, the caller gets its reply, the room hears of it.

use std::{future::Future, sync::Arc};

use tokio::time::Instant;

use super::{
    Arbiter,
    baseline::Baseline,
    meters::{SelectOutcome, StoreCall},
    queue::{Answer, Ask, Batch, Job, Offer},
    refusal::Refusal,
    regression::Missing,
    room::RoomHandle,
};
use crate::{
    bus::BusMessage,
    model::{AssetName, AssetState, Change, ErrorCode, Event, ServerMessage, Units},
    store::{self, Call, Created, Done},
};

impl Arbiter {
    /// Lets a change take its turn. What the store answers at once is done when this returns; the rest goes on
    /// in a task of its own, so that a client that disconnects cancels nothing that was sent.
    pub(super) fn submit(self: &Arc<Self>, room: &RoomHandle, asset: AssetName, job: Job) {
        let offer = room.queues.lock().offer(&asset, job);
        match offer {
            Offer::Queued => {}
            Offer::Full(job) => self.refuse_job(&asset, job, &Refusal::store_unavailable()),
            Offer::Run(batch) => spawn_eager(Arc::clone(self).run_batches(room.clone(), asset, batch)),
        }
    }

    async fn run_batches(self: Arc<Self>, room: RoomHandle, asset: AssetName, mut batch: Batch) {
        loop {
            match batch {
                Batch::Selects(asks) => self.select_batch(&room, &asset, asks).await,
                Batch::Other(job) => self.command(&room, &asset, job).await,
            }
            let next = room.queues.lock().next(&asset);
            match next {
                Some(next) => batch = next,
                None => return,
            }
            tokio::task::consume_budget().await;
        }
    }

    async fn command(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, job: Job) {
        let call = self.next_call();
        match job {
            Job::Select(ask) => self.select_batch(room, asset, vec![ask]).await,
            Job::Release(ask) => self.release_command(room, asset, ask, call).await,
            Job::Create(units, answer) => {
                let created = self.create_now(room, asset, units, call, self.deadline(answer.since)).await;
                answer.send(created);
            }
            Job::Restock { n, condition, answer } => {
                let state =
                    self.restock_now(room, asset, n, condition, call, self.deadline(answer.since)).await;
                answer.send(state);
            }
            Job::Remove(answer) => {
                let deadline = self.deadline(answer.since);
                let remove = || self.store.remove_asset(call, &room.name, asset);
                let (done, before) =
                    self.change_known(StoreCall::RemoveAsset, room, asset, deadline, remove).await;
                answer.send(
                    done.map(|done| self.publish_change(room, before, done, |_| Change::Removed).revision),
                );
            }
        }
    }

    async fn release_command(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, ask: Ask, call: Call) {
        if ask.mailbox.is_closed() {
            return;
        }
        let release = || self.store.release(call, &room.name, asset, &ask.player);
        let deadline = self.deadline(ask.since);
        let (done, before) = self.change_known(StoreCall::Release, room, asset, deadline, release).await;
        match done {
            Ok(done) => {
                ask.mailbox.push(ServerMessage::Release {
                    request_id: ask.request_id,
                    asset: asset.clone(),
                    released: true,
                    remaining: done.state.remaining,
                    revision: done.state.revision,
                });
                self.publish_change(room, before, done, |_| Change::Released { player: ask.player });
            }
            Err(refusal) => self.refuse_job(asset, Job::Release(ask), &refusal),
        }
    }

    async fn create_now(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        units: Units,
        call: Call,
        deadline: Instant,
    ) -> Result<Created, Refusal> {
        room.with(|state| match state.view.get(asset) {
            Some(known) if !known.removed => Ok(()),
            _ => self.check_room_for_asset(&state.view),
        })?;
        let mut before = known(room, asset);
        // What is known to be stored may be lost: then everyone is told before the new one hides it.
        if before.is_known() && self.missing(room, asset, before, deadline).await != Missing::Absent {
            self.reloaded(room, deadline).await?;
            before = known(room, asset);
        }
        let create = || self.store.create(call, &room.name, asset, units);
        let created = self.call_with_retry(StoreCall::Create, &room.name, deadline, create).await?;
        if created.created {
            let done = Done { state: created.state.clone(), repeated: created.repeated };
            self.publish_change(room, before, done, |state| Change::Changed {
                units: state.units,
                created: true,
            });
        } else {
            self.look_at(room, before, &created.state);
        }
        Ok(created)
    }

    async fn restock_now(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
        call: Call,
        deadline: Instant,
    ) -> Result<AssetState, Refusal> {
        let units = room.with(|state| state.view.get(asset).map_or(0, |known| known.units));
        if units.saturating_add(n) > self.config.max_units {
            return Err(self.too_many_units());
        }
        let restock = || self.store.restock(call, &room.name, asset, n, condition);
        let (done, before) = self.change_known(StoreCall::Restock, room, asset, deadline, restock).await;
        Ok(self.publish_change(room, before, done?, |state| Change::Changed {
            units: state.units,
            created: false,
        }))
    }

    /// Changes an asset that there must be; if there is none, it may be lost. Also gives back how it was known before.
    async fn change_known<F>(
        self: &Arc<Self>,
        kind: StoreCall,
        room: &RoomHandle,
        asset: &AssetName,
        deadline: Instant,
        change: impl FnMut() -> F,
    ) -> (Result<Done, Refusal>, Baseline)
    where
        F: Future<Output = store::Result<Done>>,
    {
        let before = known(room, asset);
        let done = self.call_with_retry(kind, &room.name, deadline, change).await;
        if done.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::UnknownAsset) {
            self.missing(room, asset, before, deadline).await;
        }
        (done, before)
    }

    /// Tells the room of a change the store made, as it stands right after it; a repeat is found by comparing.
    fn publish_change(
        self: &Arc<Self>,
        room: &RoomHandle,
        before: Baseline,
        done: Done,
        change: impl FnOnce(&AssetState) -> Change,
    ) -> AssetState {
        let Done { state, repeated } = done;
        let changes = u64::from(!repeated);
        if self.detect_regression(room, before, &state, changes) {
            return state;
        }
        if !repeated {
            let change = change(&state);
            self.broadcast(room, vec![Event::of(&state, state.revision, state.remaining, change)]);
        }
        self.compare(room, &state, repeated);
        state
    }

    /// Applies this node's own events and hands them to the other nodes.
    pub(super) fn broadcast(self: &Arc<Self>, room: &RoomHandle, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if self.bus.reaches_other_nodes() {
            for event in &events {
                self.bus.publish(&room.name, &BusMessage::Event(event.clone()));
            }
        }
        self.apply(room, events);
    }

    pub(super) fn refuse_job(&self, asset: &AssetName, job: Job, refusal: &Refusal) {
        match job {
            Job::Select(ask) => {
                self.meters.select(SelectOutcome::of_error(refusal.code), ask.since.elapsed());
                tracing::debug!(%asset, player = %ask.player, code = refusal.code.as_str(), "select refused");
                ask.refuse(refusal);
            }
            Job::Release(ask) => ask.refuse(refusal),
            Job::Create(_, answer) => answer.send(Err(refusal.clone())),
            Job::Restock { answer, .. } => answer.send(Err(refusal.clone())),
            Job::Remove(answer) => answer.send(Err(refusal.clone())),
        }
    }

    pub(super) fn deadline(&self, since: Instant) -> Instant {
        since + self.config.select_deadline
    }
}

impl Ask {
    fn refuse(self, refusal: &Refusal) {
        self.mailbox.push(ServerMessage::error(refusal.code, refusal.message.clone(), self.request_id));
    }
}

impl<T> Answer<T> {
    /// A caller that went away does not want to know.
    fn send(self, result: Result<T, Refusal>) {
        drop(self.sender.send(result));
    }
}

/// What the node knows of an asset before it asks.
pub(super) fn known(room: &RoomHandle, asset: &AssetName) -> Baseline {
    room.with(|state| Baseline::of(state.view.get(asset), state.generation))
}
