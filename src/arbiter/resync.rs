//! The store is the truth, the bus a hint: every active room on a shared store is compared with it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Relaxed, Release},
    },
    time::Duration,
};

use super::{
    Arbiter,
    meters::StoreCall,
    room::{Room, RoomHandle},
};
use crate::model::{AssetName, AssetState, RevisionRow};

type Rows = BTreeMap<AssetName, RevisionRow>;

impl Arbiter {
    /// Whether the room is due to be compared; if so, says when it is due next.
    pub(super) fn resync_due(&self, room: &Room) -> bool {
        let due = room.resync_at.load(Relaxed) <= self.clock.now();
        if due {
            self.schedule_resync(room);
        }
        due
    }

    pub(super) fn schedule_resync(&self, room: &Room) {
        let pause = self.jitter(self.config.resync_interval).as_millis() as u64;
        room.resync_at.store(self.clock.now() + pause, Relaxed);
    }

    /// Compares a room with the store when its turn comes. One that waits already sees what came until then, too.
    pub(super) async fn resync(self: Arc<Self>, room: RoomHandle) {
        if room.awaits_resync.swap(true, AcqRel) {
            return;
        }
        let turn = self.resyncs.acquire().await;
        room.awaits_resync.store(false, Release);
        self.compare_all(room).await;
        drop(turn);
    }

    /// Repairs what the room is behind, and heals a store that went back.
    async fn compare_all(self: &Arc<Self>, room: RoomHandle) {
        self.ask_held(&room).await;
        let (generation, sent): (_, Rows) =
            room.with(|state| (state.generation, state.view.stored().map(row).collect()));
        let read = || self.store.revisions(&room.name);
        let Ok(rows) = self.read(StoreCall::Revisions, &room.name, read).await else { return };
        let doubts = room.doubts.load(Relaxed);
        // One that came meanwhile is looked into anew.
        let _ = room.doubts.compare_exchange(doubts, doubts.saturating_sub(1), Relaxed, Relaxed);
        let rows: Rows = rows.into_iter().map(|row| (row.asset.clone(), row)).collect();
        if let Some(known) = sent.values().find(|known| row_regressed(known, rows.get(&known.asset))) {
            self.suspect_regression(&room, &known.asset, generation);
        }
        // Also then: what was heard of is not made by a select.
        for (asset, row) in rows {
            if room.with(|state| state.view.is_behind(&asset, row.revision)) {
                self.repair(&room, &asset, Some(row.revision), Duration::ZERO, false);
            }
        }
    }
}

fn row(state: &AssetState) -> (AssetName, RevisionRow) {
    (state.asset.clone(), state.into())
}

/// Lower than what was known when the read was sent, or equal in revision and different in content, or another record,
/// whatever its revision.
fn row_regressed(known: &RevisionRow, stored: Option<&RevisionRow>) -> bool {
    stored.is_none_or(|stored| {
        let equal = stored.revision == known.revision;
        stored.origin != known.origin || stored.revision < known.revision || equal && stored != known
    })
}
