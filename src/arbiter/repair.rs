//! Repairs gaps: what events did not bring is read from the store and told change by change where the
//! numbers say what happened, else as a snapshot.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Arbiter,
    batch::known,
    meters::StoreCall,
    reconstruct::reconstruct,
    refusal::Refusal,
    room::{RoomHandle, State},
    task::spawn_eager,
};
use crate::{
    bus::BusMessage,
    model::{
        AssetName, AssetState, ErrorCode, Event, Grant, PlayerName,
        limits::{GAP_WAIT_MS, HOLDERS_SHOWN},
    },
};

/// How long a missing revision is waited for.
pub(super) const GAP_WAIT: Duration = Duration::from_millis(GAP_WAIT_MS);

/// The store may change between two reads; then they are made once more before a snapshot is sent.
const TRIES: usize = 2;

impl Arbiter {
    /// Applies events from here or from other nodes; what is ahead waits, and is repaired if need be.
    pub(super) fn apply(self: &Arc<Self>, room: &RoomHandle, events: Vec<Event>) {
        let assets: BTreeSet<_> = events.iter().map(|event| event.asset.clone()).collect();
        for asset in room.apply(events) {
            self.repair(room, &asset, None, GAP_WAIT, false);
        }
        for asset in assets {
            if room.with(|state| state.view.lacks_holders(&asset)) {
                spawn_eager(Arc::clone(self).refill_holders(room.clone(), asset));
            }
        }
    }

    /// Compares the view with a state the store just told; what it is behind is repaired. `lost`: the
    /// events were never told by anyone, so there is nothing to wait for, and other nodes want to hear of them.
    pub(super) fn compare(self: &Arc<Self>, room: &RoomHandle, state: &AssetState, lost: bool) {
        if room.with(|room| room.view.is_behind(&state.asset, state.revision)) {
            let wait = if lost { Duration::ZERO } else { GAP_WAIT };
            self.repair(room, &state.asset, Some(state.revision), wait, lost);
        }
    }

    /// Sees to it that an asset's view is at least at `target` and has no gap, beginning after `wait`. One
    /// repair at a time for an asset; a target that comes meanwhile is reached by the same one.
    pub(super) fn repair(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        target: Option<u64>,
        wait: Duration,
        publish: bool,
    ) {
        {
            let mut repairs = room.repairs.lock();
            if let Some(under_way) = repairs.get_mut(asset) {
                *under_way = target.max(*under_way);
                return;
            }
            repairs.insert(asset.clone(), target);
        }
        spawn_eager(Arc::clone(self).keep_repairing(room.clone(), asset.clone(), wait, publish));
    }

    async fn keep_repairing(
        self: Arc<Self>,
        room: RoomHandle,
        asset: AssetName,
        wait: Duration,
        publish: bool,
    ) {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        while needs_repair(&room, &asset) {
            if !self.repair_now(&room, &asset, publish).await {
                sleep(GAP_WAIT).await;
            }
        }
    }

    /// One repair; false if the store could not be read or was ahead again.
    async fn repair_now(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, publish: bool) -> bool {
        let most = self.config.room_log / 2;
        for last in (1..=TRIES).rev() {
            let before = known(room, asset);
            let revision = room.with(|state| state.view.revision(asset));
            let target = room.repairs.lock().get(asset).copied().flatten();
            let (stored, grants) = match self.read_asset(room, asset, revision, most + 1).await {
                Ok(Some(read)) => read,
                Ok(None) => {
                    // What was heard of a room that was removed is no loss.
                    if before.is_known() || !room.with(|state| state.was_removed) {
                        Arc::clone(self).confirm_later(room.clone(), asset.clone(), before.generation()).await;
                    }
                    // Nothing that waits for it will ever be of use.
                    room.repairs.lock().insert(asset.clone(), None);
                    room.with(|state| state.view.forget_waiting(asset));
                    return true;
                }
                Err(_) => return false,
            };
            // It went with the room, or was lost, and this one was made since.
            if before.is_of_another_record_than(&stored) {
                Arc::clone(self).confirm_later(room.clone(), asset.clone(), before.generation()).await;
                return false;
            }
            room.lower_target(asset, target, stored.revision);
            let mended = room.with(|state| repair_view(state, &stored, &grants, most, last == 1));
            let Some(events) = mended else { continue };
            self.meters.gaps_repaired.increment(1);
            if publish {
                events.iter().for_each(|event| self.bus.publish(&room.name, &BusMessage::Event(event.clone())));
            }
            room.apply(events);
            room.wake();
            self.ask_held(room).await;
            return true;
        }
        false
    }

    /// `None`: nothing is stored of it, not even that it was removed. A removal between the two reads is an error.
    async fn read_asset(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Option<(AssetState, Vec<Grant>)>, Refusal> {
        let read = || self.store.asset(&room.name, asset);
        let state = match self.read(StoreCall::Asset, &room.name, read).await {
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => return Ok(None),
            state => state?,
        };
        if state.removed {
            return Ok(Some((state, Vec::new())));
        }
        let page = || self.store.holders(&room.name, asset, after, limit);
        let grants = self.read(StoreCall::Holders, &room.name, page).await?;
        Ok(Some((state, grants)))
    }

    async fn refill_holders(self: Arc<Self>, room: RoomHandle, asset: AssetName) {
        let page = || self.store.holders(&room.name, &asset, None, HOLDERS_SHOWN);
        if let Ok(page) = self.read(StoreCall::Holders, &room.name, page).await {
            room.with(|state| state.view.set_holders(&asset, page));
        }
    }

    /// Asks the store what those players hold of whom it is not known.
    pub(super) async fn ask_held(self: &Arc<Self>, room: &RoomHandle) {
        for player in room.with(|state| state.presence.unknown()) {
            self.ask_held_by(room, &player, self.config.select_deadline).await;
        }
    }

    /// Asks the store what a player holds if it is not known; while it is away, the first holders in the view
    /// must do.
    pub(super) async fn ask_held_by(
        self: &Arc<Self>,
        room: &RoomHandle,
        player: &PlayerName,
        patience: Duration,
    ) {
        let Some(question) = room.with(|state| state.presence.question(player)) else { return };
        let ask = || self.store.held_by(&room.name, player);
        match self.read_within(StoreCall::HeldBy, &room.name, patience, ask).await {
            Ok(rows) => {
                for (asset, revision) in &rows {
                    if room.with(|state| state.view.is_behind(asset, *revision)) {
                        self.repair(room, asset, Some(*revision), GAP_WAIT, false);
                    }
                }
                room.with(|state| state.presence.learn(player, question, rows));
            }
            Err(_) => room.with(|state| {
                let listed = state.view.listed_holdings(player);
                state.presence.guess(player, listed);
            }),
        }
    }
}

/// Whether the repair has more to do; if not, it is over. Of a room that is not read yet nothing can be missing.
fn needs_repair(room: &RoomHandle, asset: &AssetName) -> bool {
    let mut repairs = room.repairs.lock();
    let target = repairs.get(asset).copied().flatten();
    let needed = room.with(|State { view, .. }| {
        let is_behind = target.is_some_and(|target| view.is_behind(asset, target));
        view.is_loaded() && (is_behind || view.has_gap(asset))
    });
    if !needed {
        repairs.remove(asset);
    }
    needed
}

/// The events that bring the view to what is stored; none when it is there already. When the numbers do not
/// tell what happened, `None`; or, the last time, the state is taken as it is and everyone gets a snapshot.
fn repair_view(
    state: &mut State,
    stored: &AssetState,
    grants: &[Grant],
    most: usize,
    last: bool,
) -> Option<Vec<Event>> {
    let known = state.view.get(&stored.asset);
    if known.is_some_and(|known| known.revision >= stored.revision) {
        // What waits was lost by the store, or went with the room.
        state.view.forget_waiting(&stored.asset);
        return Some(Vec::new());
    }
    let events = reconstruct(known, stored, grants).filter(|events| events.len() <= most);
    if events.is_none() && last {
        let mut waited = Vec::new();
        state.view.catch_up(stored.clone(), &mut waited);
        state.presence.forget_held();
        state.log.reset();
        state.append_events(&waited);
        return Some(Vec::new());
    }
    events
}
