//! Compares active rooms with the store, because the store is authoritative and the bus may lose messages.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Relaxed, Release},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

use super::{
    meters::StoreCall,
    node::Node,
    registry::RoomHandle,
    regression::Regression,
    repair::{Publish, Repair},
    retry::StoreCalls,
    room::Room,
};
use crate::model::{AssetName, AssetState, RevisionRow, limits::RESYNCS_AT_ONCE};

type Rows = BTreeMap<AssetName, RevisionRow>;

pub(super) struct Resync {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    repair: Arc<Repair>,
    regression: Arc<Regression>,
    permits: Semaphore,
}

/// Sets the time of the room's next comparison.
pub(super) fn schedule_resync(node: &Node, room: &Room) {
    let pause = node.jitter(node.config.resync_interval).as_millis() as u64;
    room.resync_at.store(node.clock.now() + pause, Relaxed);
}

impl Resync {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        repair: Arc<Repair>,
        regression: Arc<Regression>,
    ) -> Arc<Self> {
        Arc::new(Self { node, calls, repair, regression, permits: Semaphore::new(RESYNCS_AT_ONCE) })
    }

    /// Whether the room must be compared now; if so, sets the time of the next comparison.
    pub(super) fn is_due(&self, room: &Room) -> bool {
        let may_be_behind = self.node.store.shared() || room.doubts.load(Relaxed) > 0;
        let due = may_be_behind && room.resync_at.load(Relaxed) <= self.node.clock.now();
        if due {
            schedule_resync(&self.node, room);
        }
        due
    }

    /// Compares a room with the store when a permit is free. Does nothing if a comparison already waits for its permit,
    /// because that comparison covers all changes until then.
    pub(super) async fn run(&self, room: &RoomHandle) {
        if room.awaits_resync.swap(true, AcqRel) {
            return;
        }
        let permit = self.permits.acquire().await;
        room.awaits_resync.store(false, Release);
        self.compare(room).await;
        drop(permit);
    }

    /// Repairs assets whose view is behind, and reloads the room if the store lost writes.
    async fn compare(&self, room: &RoomHandle) {
        self.repair.load_holdings(room).await;
        let (generation, known): (_, Rows) =
            room.read(|state| (state.generation, state.view.stored().map(row).collect()));
        let read = || self.node.store.revisions(&room.name);
        let Ok(rows) = self.calls.read(StoreCall::Revisions, &room.name, read).await else { return };
        let doubts = room.doubts.load(Relaxed);
        // A doubt that was raised meanwhile stays.
        let _ = room.doubts.compare_exchange(doubts, doubts.saturating_sub(1), Relaxed, Relaxed);
        let rows: Rows = rows.into_iter().map(|row| (row.asset.clone(), row)).collect();
        if let Some(known) = known.values().find(|known| regressed(known, rows.get(&known.asset))) {
            self.regression.suspect(room, &known.asset, generation);
        }
        // Repairs start even after a loss, so that a select does not create an asset that this node knows.
        for (asset, row) in rows {
            if room.with(|state| state.view.is_behind(&asset, row.revision)) {
                self.repair.start(room, &asset, Some(row.revision), Duration::ZERO, Publish::Never);
            }
        }
    }
}

fn row(state: &AssetState) -> (AssetName, RevisionRow) {
    (state.asset.clone(), state.into())
}

/// Whether the store rolled back since `known`: the stored row is missing, is older, has the same revision with other
/// content, or belongs to another record. `known` is from before the read was sent.
fn regressed(known: &RevisionRow, stored: Option<&RevisionRow>) -> bool {
    stored.is_none_or(|stored| {
        let equal = stored.revision == known.revision;
        stored.origin != known.origin || stored.revision < known.revision || equal && stored != known
    })
}
