//! The store is the truth, the bus a hint: every active room on a shared store is compared with it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Relaxed, Release},
    },
    time::Duration,
};

use tokio::time::sleep;

use super::{
    Arbiter,
    count::Count,
    mend::GAP_WAIT,
    meters::StoreCall,
    room::{Room, RoomHandle, State},
    turn::run,
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
        let (renewals, sent): (_, Rows) =
            room.with(|state| (state.renewals, state.view.stored().map(row).collect()));
        let read = || self.store.revisions(&room.name);
        let Ok(rows) = self.read(StoreCall::Revisions, &room.name, read).await else { return };
        let doubts = room.doubts.load(Relaxed);
        // One that came meanwhile is looked into anew.
        let _ = room.doubts.compare_exchange(doubts, doubts.saturating_sub(1), Relaxed, Relaxed);
        let rows: Rows = rows.into_iter().map(|row| (row.asset.clone(), row)).collect();
        if let Some(known) = sent.values().find(|known| regressed(known, rows.get(&known.asset))) {
            run(Arc::clone(self).suspect_loss(room, known.asset.clone(), renewals));
            return;
        }
        for (asset, row) in rows {
            if room.with(|state| state.view.is_behind(&asset, row.revision)) {
                self.mend(&room, &asset, Some(row.revision), Duration::ZERO, false);
            }
        }
    }

    /// What was known is not stored any more: unless the news that the room was removed is on its way, writes were lost.
    async fn suspect_loss(self: Arc<Self>, room: RoomHandle, asset: AssetName, renewals: u64) {
        sleep(GAP_WAIT).await;
        self.follow_back(&room, &asset, |now| now.renewals == renewals);
    }

    /// Looks at a change the store made right after `revision`: had more been known when it was asked, then it
    /// lost writes. They may be made up for in number before a resync comes to look, so this is where they show.
    pub(super) fn went_back(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        before: Count,
        revision: u64,
    ) -> bool {
        let still_known =
            |now: &State| now.view.revision(asset).is_some_and(|revision| !before.is_beyond(revision));
        before.is_beyond(revision) && self.follow_back(room, asset, still_known)
    }

    /// The store lost writes, or the room was removed and nobody told this node: unless what was known is not
    /// `still_known`, as the room follows the store already. Counted once, however many assets show it.
    pub(super) fn follow_back(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        still_known: impl FnOnce(&State) -> bool,
    ) -> bool {
        let Some(news) = room.with(|state| {
            still_known(state).then(|| {
                state.frozen = true;
                !std::mem::replace(&mut state.went_back, true)
            })
        }) else {
            return false;
        };
        if news {
            tracing::error!(room = %room.name, %asset, "the store went back: it lost writes it had answered; the room follows it");
            self.meters.regressions.increment(1);
            run(Arc::clone(self).heal(room.clone()));
        }
        true
    }

    /// The store's state is the truth all the same, and everyone is told the whole of it.
    async fn heal(self: Arc<Self>, room: RoomHandle) {
        let read = || self.store.snapshot(&room.name);
        let snapshot = loop {
            match self.read(StoreCall::Snapshot, &room.name, read).await {
                Ok(snapshot) => break snapshot,
                Err(_) => sleep(GAP_WAIT).await,
            }
        };
        room.with(|state| state.presence.forget_held());
        self.ask_held(&room).await;
        room.with(|state| state.replace(snapshot));
        room.wake();
        // What came between the read and now is made up for soon.
        room.resync_at.store(0, Relaxed);
    }
}

fn row(state: &AssetState) -> (AssetName, RevisionRow) {
    (state.asset.clone(), state.into())
}

/// Lower than what was known when the read was sent, or equal in revision and different in content. A higher one of
/// another record shows when what is missing of it is looked for.
fn regressed(known: &RevisionRow, stored: Option<&RevisionRow>) -> bool {
    stored.is_none_or(|stored| {
        stored.revision < known.revision || stored.revision == known.revision && stored != known
    })
}
