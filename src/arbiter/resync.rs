//! The store is the truth, the bus a hint: every active room on a shared store is compared with it.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    Arbiter,
    meters::StoreCall,
    room::{Room, RoomHandle},
};
use crate::model::{AssetName, RevisionRow};

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

    /// Compares a room with the store; repairs what the room is behind, and heals a store that went back.
    pub(super) async fn resync(self: Arc<Self>, room: RoomHandle) {
        self.ask_held(&room).await;
        let sent: Rows = room.with(|state| state.view.stored().map(row).collect());
        let read = || self.store.revisions(&room.name);
        let Ok(rows) = self.read(StoreCall::Revisions, &room.name, read).await else { return };
        let doubts = room.doubts.load(Relaxed);
        // One that came meanwhile is looked into anew.
        let _ = room.doubts.compare_exchange(doubts, doubts.saturating_sub(1), Relaxed, Relaxed);
        let rows: Rows = rows.into_iter().map(|row| (row.asset.clone(), row)).collect();
        if let Some(asset) = sent.values().find_map(|known| regressed(known, rows.get(&known.asset))) {
            return self.heal(&room, &asset).await;
        }
        for (asset, row) in rows {
            if room.with(|state| state.view.is_behind(&asset, row.revision)) {
                self.mend(&room, &asset, row.revision, Duration::ZERO, false);
            }
        }
    }

    /// The store lost writes: its state is the truth all the same, and everyone is told the whole of it.
    async fn heal(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName) {
        tracing::error!(room = %room.name, %asset, "the store went back: it lost writes it had answered; the room follows it");
        self.meters.regressions.increment(1);
        let read = || self.store.snapshot(&room.name);
        let Ok(snapshot) = self.read(StoreCall::Snapshot, &room.name, read).await else { return };
        room.with(|state| {
            state.frozen = true;
            state.presence.forget_held();
        });
        self.ask_held(room).await;
        room.with(|state| state.replace(snapshot));
        room.wake();
    }
}

fn row(state: &crate::model::AssetState) -> (AssetName, RevisionRow) {
    (state.asset.clone(), state.into())
}

/// Lower than what was known when the read was sent, or equal in revision and different in content.
fn regressed(known: &RevisionRow, stored: Option<&RevisionRow>) -> Option<AssetName> {
    let went_back = match stored {
        None => true,
        Some(stored) => {
            stored.revision < known.revision || stored.revision == known.revision && stored != known
        }
    };
    went_back.then(|| known.asset.clone())
}
