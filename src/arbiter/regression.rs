//! Detects that the store lost acknowledged writes, and reloads the room from the store.
//!
//! detect or suspect -> confirm (after a `RoomRemoved` message had time to arrive) -> reload.

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
use crate::{
    model::{AssetName, AssetState, ErrorCode, RoomName, limits::GAP_WAIT_MS},
    store::AssetKey,
};

/// How long a `RoomRemoved` message may take to arrive.
const NEWS_WAIT: Duration = Duration::from_millis(GAP_WAIT_MS);

/// The pause between checks whether the reload after a loss is done.
const RELOAD_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Regression {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    holdings: Arc<Holdings>,
    rooms: Arc<Registry>,
    regressed: Arc<RegressedRooms>,
}

/// Why the store answered `unknown_asset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// The asset was never created, or it was removed, as far as this node knows.
    Absent,
    /// The asset is stored by now.
    Found(AssetState),
    /// The asset was stored before: the store lost it.
    Lost,
    /// The room was removed after the call began. All revisions start again.
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

    /// Detects lost writes. The store built `stored` by applying `changes` of ours to an older revision. If we knew a
    /// newer revision than that before the call, the store rolled back. Every answer is checked, because later
    /// changes may raise the revision past the lost ones before a resync compares it.
    ///
    /// Another origin means a loss, or that another node removed and re-created the room. A loss is only suspected.
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

    /// Suspects a loss: the store lacks a state that this node knew in `generation`. A room has at most one suspicion.
    pub(super) fn suspect(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, generation: u64) {
        let first = room.with(|state| {
            state.generation == generation && !std::mem::replace(&mut state.regression_suspected, true)
        });
        if first {
            let (regression, room, asset) = (Arc::clone(self), room.clone(), asset.clone());
            spawn_eager(async move { regression.confirm_after_news(&room, &asset, generation).await });
        }
    }

    /// Confirms the regression unless a `RoomRemoved` message arrives in time.
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

    /// Logs and counts the regression once per room, for any number of assets, and starts the reload. Returns false if
    /// the room has reloaded since (`still_known` is false).
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
        for player in room.read(|state| state.presence.unknown()) {
            // The next resync repairs assets that are behind. Selects create no assets in this room meanwhile.
            drop(self.holdings.load(room, &player, self.node.config.select_deadline).await);
        }
        room.with(|state| {
            // If the room was removed meanwhile, the snapshot is of the removed room.
            if state.generation == generation {
                state.replace(snapshot);
            }
        });
        room.wake();
        // The snapshot lacks changes made since the read.
        room.resync_at.store(0, Relaxed);
    }

    /// Waits until the room has been reloaded after a loss.
    ///
    /// # Errors
    /// `StoreUnavailable`: the store could not be read by the deadline.
    pub(super) async fn reloaded(&self, room: &RoomHandle, deadline: Instant) -> Result<(), Refusal> {
        while room.read(|state| state.reload_pending) {
            if Instant::now() >= deadline {
                return Err(Refusal::store_unavailable());
            }
            sleep(RELOAD_PAUSE).await;
        }
        Ok(())
    }

    /// Finds out why the store does not have an asset that this node knew as `before`. If the asset was stored, even
    /// a missing tombstone is a loss, unless a `RoomRemoved` message arrives in time.
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
        let key = AssetKey::new(&room.name, asset);
        let read = || self.node.store.asset(&key);
        match self.calls.read_within(StoreCall::Asset, &room.name, patience, read).await {
            Ok(stored) => Missing::Found(stored),
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => {
                self.confirm_after_news(room, asset, before.generation()).await;
                given_up_since(room, before).unwrap_or(Missing::Absent)
            }
            // The next resync decides.
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

/// Why the view was discarded since `before` was read; `None`: the view was not discarded.
fn given_up_since(room: &RoomHandle, before: Baseline) -> Option<Missing> {
    room.with(|state| match state.view.is_regressed() {
        _ if state.generation == before.generation() && !state.reload_pending => None,
        true => Some(Missing::Lost),
        false => Some(Missing::RoomRemoved),
    })
}
