//! A store that has less than it answered: it is noticed before anything is made again, logged, counted, and told.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    Arbiter,
    baseline::Baseline,
    meters::StoreCall,
    refusal::Refusal,
    repair::GAP_WAIT,
    room::{RoomHandle, State},
    task::spawn_eager,
};
use crate::model::{AssetName, AssetState, ErrorCode, RoomName};

/// Pauses while a change waits until the members are told of a loss.
const RELOAD_PAUSE: Duration = Duration::from_millis(10);

/// What it means that the store has no such asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing else is known here: it was never made, or it was removed.
    Absent,
    /// It was stored: the store lost it.
    Lost,
    /// The room was removed after the store was asked, and everything begins anew.
    RoomRemoved,
}

impl Arbiter {
    /// The store does not have an asset that was known as `before`. If it was known to be stored, not even a
    /// tombstone being left is a loss, unless the news that the room was removed arrives within [`GAP_WAIT`].
    pub(super) async fn missing(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        before: Baseline,
        deadline: Instant,
    ) -> Missing {
        if let Some(since) = since(room, before) {
            return since;
        }
        if !room.with(|state| state.view.get(asset).is_some()) {
            return Missing::Absent;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let read = || self.store.asset(&room.name, asset);
        match self.read_within(StoreCall::Asset, &room.name, patience, read).await {
            Ok(stored) => {
                self.look_at(room, before, &stored);
                Missing::Absent
            }
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => {
                Arc::clone(self).confirm_later(room.clone(), asset.clone(), before.generation()).await;
                since(room, before).unwrap_or(Missing::Absent)
            }
            // The next comparison will tell.
            Err(_) => Missing::Absent,
        }
    }

    /// Waits until the members are told what is left after a loss.
    ///
    /// # Errors
    /// `StoreUnavailable`: it could not be read by the deadline.
    pub(super) async fn reloaded(&self, room: &RoomHandle, deadline: Instant) -> Result<(), Refusal> {
        while room.with(|state| state.reload_pending) {
            if Instant::now() >= deadline {
                return Err(Refusal::store_unavailable());
            }
            sleep(RELOAD_PAUSE).await;
        }
        Ok(())
    }

    /// Looks at an asset as the store has it, with no change of ours: it may have gone on, or back.
    pub(super) fn look_at(self: &Arc<Self>, room: &RoomHandle, before: Baseline, stored: &AssetState) {
        if !self.detect_regression(room, before, stored, 0) {
            self.compare(room, stored, false);
        }
    }

    /// Looks at an asset right after `changes` of ours: had more been known when the store was asked, then it lost
    /// writes. They may be made up for in number before a resync comes to look, so this is where they show.
    /// Another record of the asset is a loss, too, or a room that was removed and made again by another node.
    pub(super) fn detect_regression(
        self: &Arc<Self>,
        room: &RoomHandle,
        before: Baseline,
        stored: &AssetState,
        changes: u64,
    ) -> bool {
        let asset = &stored.asset;
        if before.is_of_another_record_than(stored) {
            self.suspect_regression(room, asset, before.generation());
            return false;
        }
        let still_known =
            |now: &State| now.view.revision(asset).is_some_and(|revision| !before.is_beyond(revision));
        before.is_beyond(stored.revision.saturating_sub(changes))
            && self.confirm_regression(room, asset, still_known)
    }

    /// What was known is not stored any more. One suspicion of a room at a time.
    pub(super) fn suspect_regression(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, generation: u64) {
        let first = room.with(|state| {
            state.generation == generation && !std::mem::replace(&mut state.regression_suspected, true)
        });
        if first {
            spawn_eager(Arc::clone(self).confirm_later(room.clone(), asset.clone(), generation));
        }
    }

    /// Unless the news that the room was removed is on its way, writes were lost.
    pub(super) async fn confirm_later(self: Arc<Self>, room: RoomHandle, asset: AssetName, generation: u64) {
        sleep(GAP_WAIT).await;
        self.confirm_regression(&room, &asset, |now| now.generation == generation);
        room.with(|state| state.regression_suspected = false);
    }

    /// The store lost writes, or the room was removed and nobody told this node: unless what was known is not
    /// `still_known`, as the room follows the store already. Counted once, however many assets show it.
    fn confirm_regression(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        still_known: impl FnOnce(&State) -> bool,
    ) -> bool {
        let Some((news, generation, oldest)) = room.with(|state| {
            still_known(state).then(|| {
                state.view.freeze();
                let news = !std::mem::replace(&mut state.reload_pending, true);
                (news, state.generation, self.frozen.add(&room.name))
            })
        }) else {
            return false;
        };
        if let Some(oldest) = oldest {
            tracing::warn!(room = %oldest, "too many rooms lost what was stored of them: selects may create assets in this one again");
            self.rooms.get_or_else(&oldest, || self.bus.unsubscribe(&oldest));
        }
        if news {
            tracing::error!(room = %room.name, %asset, "the store went back: it lost writes it had answered; the room follows it");
            self.meters.regressions.increment(1);
            spawn_eager(Arc::clone(self).reload(room.clone(), generation));
        }
        true
    }

    /// An operator removed a room that is not active here.
    pub(super) fn thaw(&self, room: &RoomName) {
        if self.frozen.remove(room) {
            self.bus.unsubscribe(room);
        }
    }

    /// The store's state is the truth all the same, and everyone is told the whole of it.
    async fn reload(self: Arc<Self>, room: RoomHandle, generation: u64) {
        let read = || self.store.snapshot(&room.name);
        let snapshot = loop {
            match self.read(StoreCall::Snapshot, &room.name, read).await {
                Ok(snapshot) => break snapshot,
                Err(_) => sleep(GAP_WAIT).await,
            }
        };
        room.with(|state| state.presence.forget_held());
        self.ask_held(&room).await;
        room.with(|state| {
            // Else the room was removed meanwhile, and this is of no use.
            if state.generation == generation {
                state.replace(snapshot);
            }
        });
        room.wake();
        // What came between the read and now is made up for soon.
        room.resync_at.store(0, Relaxed);
    }
}

/// Whether all that was known `before` was given up since, and why.
fn since(room: &RoomHandle, before: Baseline) -> Option<Missing> {
    room.with(|state| match state.view.is_frozen() {
        _ if state.generation == before.generation() && !state.reload_pending => None,
        true => Some(Missing::Lost),
        false => Some(Missing::RoomRemoved),
    })
}
