//! Repairs gaps: reads missing changes from the store. Broadcasts them one by one where they can be reconstructed, else
//! as a snapshot.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    baseline::Baseline, holdings::Holdings, meters::StoreCall, node::Node, reconstruct::reconstruct,
    refusal::Refusal, registry::RoomHandle, regression::Regression, retry::StoreCalls, room::State,
    task::spawn_eager,
};
use crate::{
    bus::BusMessage,
    model::{AssetName, AssetState, ErrorCode, Event, Grant, PlayerName, limits::GAP_WAIT_MS},
    store::AssetKey,
};

/// How long a missing revision may take to arrive.
pub(super) const GAP_WAIT: Duration = Duration::from_millis(GAP_WAIT_MS);

/// The store may change between two reads. Both reads are retried once before the members get a snapshot.
const TRIES: usize = 2;

pub(super) struct Repair {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    holdings: Arc<Holdings>,
    regression: Arc<Regression>,
}

/// Whether the repaired events are published to other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publish {
    /// No: another node made the changes and published them.
    Never,
    /// Yes: the changes are ours, and no event was published because their reply was lost.
    Always,
}

impl Repair {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        holdings: Arc<Holdings>,
        regression: Arc<Regression>,
    ) -> Arc<Self> {
        Arc::new(Self { node, calls, holdings, regression })
    }

    /// Brings an asset's view to `target` at least, without a gap, beginning after `wait`. An asset has one repair
    /// at a time; a later target is reached by the repair that is under way.
    pub(super) fn start(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        target: Option<u64>,
        wait: Duration,
        publish: Publish,
    ) {
        {
            let mut repairs = room.repairs.lock();
            if let Some(under_way) = repairs.get_mut(asset) {
                *under_way = target.max(*under_way);
                return;
            }
            repairs.insert(asset.clone(), target);
        }
        let (repair, room, asset) = (Arc::clone(self), room.clone(), asset.clone());
        spawn_eager(async move { repair.run(&room, &asset, wait, publish).await });
    }

    /// Reads the holdings of players whose holdings are unknown, and repairs assets that are behind.
    pub(super) async fn load_holdings(self: &Arc<Self>, room: &RoomHandle) {
        for player in room.read(|state| state.presence.unknown()) {
            self.load_holdings_of(room, &player, self.node.config.select_deadline).await;
        }
    }

    /// The same for one player.
    pub(super) async fn load_holdings_of(
        self: &Arc<Self>,
        room: &RoomHandle,
        player: &PlayerName,
        patience: Duration,
    ) {
        for (asset, revision) in self.holdings.load(room, player, patience).await {
            self.start(room, &asset, Some(revision), GAP_WAIT, Publish::Never);
        }
    }

    async fn run(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, wait: Duration, publish: Publish) {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        while needs_repair(room, asset) {
            if !self.try_once(room, asset, publish).await {
                sleep(GAP_WAIT).await;
            }
        }
    }

    /// One repair; false if the store could not be read, or changed again between the reads.
    async fn try_once(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, publish: Publish) -> bool {
        let most = self.node.config.room_log / 2;
        for last in (1..=TRIES).rev() {
            let before = Baseline::now(room, asset);
            let revision = room.with(|state| state.view.revision(asset));
            let target = room.repairs.lock().get(asset).copied().flatten();
            let (stored, grants) = match self.read(room, asset, revision, most + 1).await {
                Ok(Some(read)) => read,
                Ok(None) => {
                    self.give_up(room, asset, before).await;
                    return true;
                }
                Err(_) => return false,
            };
            // The asset was removed with its room, or lost, and created again since.
            if before.is_of_another_record_than(&stored) {
                self.regression.confirm_after_news(room, asset, before.generation()).await;
                return false;
            }
            room.lower_target(asset, target, stored.revision);
            let repaired = room.with(|state| repair_view(state, &stored, &grants, most, last == 1));
            let Some(events) = repaired else { continue };
            self.node.meters.gaps_repaired.increment(1);
            if publish == Publish::Always {
                let publish = |event: &Event| {
                    self.node.bus.publish(&room.name, &BusMessage::Event(event.clone()));
                };
                events.iter().for_each(publish);
            }
            room.apply(events);
            room.with(|state| state.view.learn_terms(&stored));
            room.wake();
            self.load_holdings(room).await;
            return true;
        }
        false
    }

    /// The store does not have the asset. Drops the events that wait for it, because they will never be applied.
    async fn give_up(&self, room: &RoomHandle, asset: &AssetName, before: Baseline) {
        // Events of a room that was removed are no evidence of a loss.
        if before.is_known() || !room.read(|state| state.was_removed) {
            self.regression.confirm_after_news(room, asset, before.generation()).await;
        }
        room.repairs.lock().insert(asset.clone(), None);
        room.with(|state| state.view.forget_waiting(asset));
    }

    /// Reads the asset and its holders after a revision; `None`: the store does not even have a tombstone. A removal of
    /// the asset between the two reads is an error.
    async fn read(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Option<(AssetState, Vec<Grant>)>, Refusal> {
        let key = AssetKey::new(&room.name, asset);
        let read = || self.node.store.asset(&key);
        let state = match self.calls.read(StoreCall::Asset, &room.name, read).await {
            Err(refusal) if refusal.code == ErrorCode::UnknownAsset => return Ok(None),
            state => state?,
        };
        if state.removed {
            return Ok(Some((state, Vec::new())));
        }
        let key = AssetKey::new(&room.name, asset);
        let page = || self.node.store.holders(&key, after, limit);
        let grants = self.calls.read(StoreCall::Holders, &room.name, page).await?;
        Ok(Some((state, grants)))
    }
}

/// Whether the asset still needs the repair; if not, ends the repair. A room that is not loaded yet has no gaps.
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

/// Returns the events that lead from the view to the stored state; none if the view has that state already. `None`: the
/// changes cannot be reconstructed. On the `last` try the view takes the stored state, and all members get a snapshot.
fn repair_view(
    state: &mut State,
    stored: &AssetState,
    grants: &[Grant],
    most: usize,
    last: bool,
) -> Option<Vec<Event>> {
    let known = state.view.get(&stored.asset);
    if known.is_some_and(|known| known.revision >= stored.revision) {
        // The store lost the events that wait, or they are of a room that was removed.
        state.view.forget_waiting(&stored.asset);
        return Some(Vec::new());
    }
    let events = reconstruct(known, stored, grants).filter(|events| events.len() <= most);
    if events.is_none() && last {
        let waited = state.view.catch_up(stored.clone()).unwrap_or_default();
        state.presence.forget_held();
        state.log.reset();
        state.append_events(&waited);
        return Some(Vec::new());
    }
    events
}
