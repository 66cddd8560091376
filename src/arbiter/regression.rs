//! Detects that the store lost writes it had answered, and reloads the room from what is left.
//!
//! detect or suspect -> confirm (after the news of a removal had time to arrive) -> reload.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    baseline::Baseline,
    holdings::Holdings,
    meters::StoreCall,
    node::Node,
    refusal::Refusal,
    registry::{Registry, RoomHandle},
    regressed_rooms::RegressedRooms,
    retry::StoreCalls,
    room::State,
    task::spawn_eager,
};
use crate::model::{AssetName, AssetState, ErrorCode, RoomName, limits::GAP_WAIT_MS};

/// How long the news that a room was removed may take to arrive.
const NEWS_WAIT: Duration = Duration::from_millis(GAP_WAIT_MS);

/// Pauses while a change waits until the members know what is left after a loss.
const RELOAD_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Regression {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    holdings: Arc<Holdings>,
    rooms: Arc<Registry>,
    regressed: Arc<RegressedRooms>,
}

/// What it means that the store answered `unknown_asset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// This node knows nothing else: the asset was never created, or it was removed.
    Absent,
    /// The asset is stored by now.
    Found(AssetState),
    /// The asset was stored before: the store lost it.
    Lost,
    /// The room was removed after the call began. All assets begin anew.
    RoomRemoved,
}

impl Regression {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        holdings: Arc<Holdings>,
        rooms: Arc<Registry>,
        regressed: Arc<RegressedRooms>,
    ) -> Arc<Self> {
        Arc::new(Self { node, calls, holdings, rooms, regressed })
    }

    /// Detects lost writes. The store built `stored` with `changes` of ours on the revision before them. If we knew a
    /// newer revision before the call, the store rolled back. This must be checked with each answer, because later
    /// changes may raise the revision past the lost ones before a resync compares it.
    ///
    /// A state with another origin is either a loss, or another node removed and re-created the room: it is suspected.
    pub(super) fn detect(
        self: &Arc<Self>,
        room: &RoomHandle,
        before: Baseline,
        stored: &AssetState,
        changes: u64,
    ) -> bool {
        let asset = &stored.asset;
        if before.is_of_another_record_than(stored) {
            self.suspect(room, asset, before.generation());
            return false;
        }
        let still_known =
            |now: &State| now.view.revision(asset).is_some_and(|revision| !before.is_beyond(revision));
        before.is_beyond(stored.revision.saturating_sub(changes)) && self.confirm(room, asset, still_known)
    }

    /// The store does not have a state that this node knew in `generation`. A room has one suspicion at a time.
    pub(super) fn suspect(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, generation: u64) {
        let first = room.with(|state| {
            state.generation == generation && !std::mem::replace(&mut state.regression_suspected, true)
        });
        if first {
            let (regression, room, asset) = (Arc::clone(self), room.clone(), asset.clone());
            spawn_eager(async move { regression.confirm_after_news(&room, &asset, generation).await });
        }
    }

    /// Confirms the regression unless the news that the room was removed arrives in time.
    pub(super) async fn confirm_after_news(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        generation: u64,
    ) {
        sleep(NEWS_WAIT).await;
        self.confirm(room, asset, |now| now.generation == generation);
        room.with(|state| state.regression_suspected = false);
    }

    /// Logs and counts the regression, once however many assets show it, and starts the reload. Returns false if the
    /// room has reloaded since (`still_known` is false).
    fn confirm(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        still_known: impl FnOnce(&State) -> bool,
    ) -> bool {
        let confirmed = room.with(|state| {
            still_known(state).then(|| {
                state.view.mark_regressed();
                let first = !std::mem::replace(&mut state.reload_pending, true);
                (first, state.generation, self.regressed.add(&room.name))
            })
        });
        let Some((first, generation, oldest)) = confirmed else { return false };
        if let Some(oldest) = oldest {
            tracing::warn!(room = %oldest, "too many rooms lost what was stored of them: selects may create assets in this one again");
            self.rooms.get_or_else(&oldest, || self.node.bus.unsubscribe(&oldest));
        }
        if first {
            tracing::error!(room = %room.name, %asset, "the store went back: it lost writes it had answered; the room follows it");
            self.node.meters.regressions.increment(1);
            let (regression, room) = (Arc::clone(self), room.clone());
            spawn_eager(async move { regression.reload(&room, generation).await });
        }
        true
    }

    /// Replaces the view by the store's snapshot, because the store's state is authoritative even after a loss.
    async fn reload(&self, room: &RoomHandle, generation: u64) {
        let read = || self.node.store.snapshot(&room.name);
        let snapshot = loop {
            match self.calls.read(StoreCall::Snapshot, &room.name, read).await {
                Ok(snapshot) => break snapshot,
                Err(_) => sleep(NEWS_WAIT).await,
            }
        };
        room.with(|state| state.presence.forget_held());
        for player in room.with(|state| state.presence.unknown()) {
            // The comparison that follows repairs what is behind. No select creates an asset here meanwhile.
            drop(self.holdings.load(room, &player, self.node.config.select_deadline).await);
        }
        room.with(|state| {
            // If the room was removed meanwhile, the snapshot is of the room before.
            if state.generation == generation {
                state.replace(snapshot);
            }
        });
        room.wake();
        // The snapshot lacks what changed since the read.
        room.resync_at.store(0, Relaxed);
    }

    /// Waits until the members know what is left after a loss.
    ///
    /// # Errors
    /// `StoreUnavailable`: the store could not be read by the deadline.
    pub(super) async fn reloaded(&self, room: &RoomHandle, deadline: Instant) -> Result<(), Refusal> {
        while room.with(|state| state.reload_pending) {
            if Instant::now() >= deadline {
                return Err(Refusal::store_unavailable());
            }
            sleep(RELOAD_PAUSE).await;
        }
        Ok(())
    }

    /// Finds out why the store does not have an asset that this node knew as `before`. If the asset was stored, even
    /// a missing tombstone is a loss, unless the news that the room was removed arrives in time.
    pub(super) async fn explain_missing(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        before: Baseline,
        deadline: Instant,
    ) -> Missing {
        if let Some(given_up) = given_up_since(room, before) {
            return given_up;
        }
        if !room.with(|state| state.view.get(asset).is_some()) {
            return Missing::Absent;
        }
        let patience = deadline.saturating_duration_since(Instant::now());
        let read = || self.node.store.asset(&room.name, asset);
        match self.calls.read_within(StoreCall::Asset, &room.name, patience, read).await {
            Ok(stored) => Missing::Found(stored),
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => {
                self.confirm_after_news(room, asset, before.generation()).await;
                given_up_since(room, before).unwrap_or(Missing::Absent)
            }
            // The next comparison with the store will tell.
            Err(_) => Missing::Absent,
        }
    }

    /// Whether selects create no assets in the room.
    pub(super) fn is_regressed(&self, room: &RoomName) -> bool {
        self.regressed.contains(room)
    }

    /// An operator removed a room that is active on this node.
    pub(super) fn forget(&self, room: &RoomName) {
        self.regressed.remove(room);
    }

    /// An operator removed a room that is not active on this node.
    pub(super) fn forget_inactive(&self, room: &RoomName) {
        if self.regressed.remove(room) {
            self.node.bus.unsubscribe(room);
        }
    }
}

/// Whether the view was given up since `before` was read from it, and why.
fn given_up_since(room: &RoomHandle, before: Baseline) -> Option<Missing> {
    room.with(|state| match state.view.is_regressed() {
        _ if state.generation == before.generation() && !state.reload_pending => None,
        true => Some(Missing::Lost),
        false => Some(Missing::RoomRemoved),
    })
}
