//! Processes a change after the store has made it: events are published to the other nodes, applied to the view, and
//! broadcast to the members. A view that is behind is repaired.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    baseline::Baseline,
    meters::StoreCall,
    node::Node,
    registry::RoomHandle,
    regression::{Missing, Regression},
    repair::{GAP_WAIT, Publish, Repair},
    retry::StoreCalls,
    room::Aftermath,
    task::spawn_eager,
};
use crate::{
    bus::BusMessage,
    model::{AssetName, AssetState, Change, Ended, Event, limits::HOLDERS_SHOWN},
    store::{Applied, AssetKey},
};

pub(super) struct Events {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    repair: Arc<Repair>,
    regression: Arc<Regression>,
}

impl Events {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        repair: Arc<Repair>,
        regression: Arc<Regression>,
    ) -> Arc<Self> {
        Arc::new(Self { node, calls, repair, regression })
    }

    /// Publishes this node's own events and applies them.
    pub(super) fn broadcast(self: &Arc<Self>, room: &RoomHandle, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if self.node.bus.reaches_other_nodes() {
            for event in &events {
                self.node.bus.publish(&room.name, &BusMessage::Event(event.clone()));
            }
        }
        self.apply(room, events);
    }

    /// Applies events of any node. Events ahead of the view wait; the gap before them is repaired after `GAP_WAIT`.
    pub(super) fn apply(self: &Arc<Self>, room: &RoomHandle, events: Vec<Event>) {
        let Aftermath { gaps, lack_holders } = room.apply(events);
        for asset in gaps {
            self.repair.start(room, &asset, None, GAP_WAIT, Publish::Never);
        }
        for asset in lack_holders {
            let (events, room) = (Arc::clone(self), room.clone());
            spawn_eager(async move { events.refill_holders(&room, &asset).await });
        }
    }

    async fn refill_holders(&self, room: &RoomHandle, asset: &AssetName) {
        let key = AssetKey::new(&room.name, asset);
        let page = || self.node.store.holders(&key, None, HOLDERS_SHOWN);
        if let Ok(page) = self.calls.read(StoreCall::Holders, &room.name, page).await {
            room.with(|state| state.view.set_holders(asset, page));
        }
    }

    /// Compares the view with a state that the store just answered, and repairs the view if it is behind. With
    /// [`Publish::Always`] no other node published the missing events, so the repair starts at once.
    pub(super) fn compare(&self, room: &RoomHandle, state: &AssetState, publish: Publish) {
        if room.read(|room| room.view.is_behind(&state.asset, state.revision)) {
            let wait = if publish == Publish::Always { Duration::ZERO } else { GAP_WAIT };
            self.repair.start(room, &state.asset, Some(state.revision), wait, publish);
        }
    }

    /// Checks a stored state that no change of ours made: it may be newer than the view, or show a loss.
    pub(super) fn observe(&self, room: &RoomHandle, before: Baseline, stored: &AssetState) {
        if !self.regression.detect(room, before, stored, 0) {
            self.compare(room, stored, Publish::Never);
        }
    }

    /// Broadcasts what a call of this node changed: the grants that it ended first, and `own`.
    pub(super) fn tell(self: &Arc<Self>, room: &RoomHandle, state: &AssetState, own: Vec<Event>) {
        if state.terms.is_none() {
            return self.broadcast(room, own);
        }
        let known = room.read(|room| room.view.revision(&state.asset));
        let mut events = ended(state, known);
        events.extend(own);
        self.broadcast(room, events);
        room.with(|room| room.view.learn_terms(state));
    }

    /// Broadcasts the change that the store made, if any; `done` is the state right after the change. A retried call may
    /// have made its change earlier, which a repair then broadcasts.
    pub(super) fn publish_change<C: Into<Option<Change>>>(
        self: &Arc<Self>,
        room: &RoomHandle,
        before: Baseline,
        done: Applied<AssetState>,
        change: impl FnOnce(&AssetState) -> C,
    ) -> AssetState {
        let change = change(&done).into().filter(|_| !done.is_repeat());
        if self.regression.detect(room, before, &done, u64::from(change.is_some())) {
            return done.into_inner();
        }
        match done {
            Applied::Now(state) => {
                let own = change.map(|change| Event::of(&state, state.revision, state.remaining, change));
                self.tell(room, &state, own.into_iter().collect());
                self.compare(room, &state, Publish::Never);
                state
            }
            Applied::Repeat(state) => {
                self.compare(room, &state, Publish::Always);
                state
            }
        }
    }

    /// Finds out why the store does not have an asset, and checks its state if the store has it by now.
    pub(super) async fn explain_missing(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        before: Baseline,
        deadline: Instant,
    ) -> Missing {
        let missing = self.regression.explain_missing(room, asset, before, deadline).await;
        if let Missing::Found(stored) = &missing {
            self.observe(room, before, stored);
        }
        missing
    }
}

/// The ends of grants that the store made after a known revision, in order.
fn ended(state: &AssetState, known: Option<u64>) -> Vec<Event> {
    let (Some(terms), Some(known)) = (&state.terms, known) else { return Vec::new() };
    let next_end = Some(terms.next_end.unwrap_or(Change::NEVER));
    let new = terms.ends.iter().filter(|end| end.revision > known && end.reason.is_deadline());
    let event = |end: &Ended| {
        let change = Change::Released { player: end.player.clone(), reason: end.reason, next_end };
        Event::of(state, end.revision, end.remaining, change)
    };
    new.map(event).collect()
}
