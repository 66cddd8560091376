//! After the bus came back all rooms are compared with the store, by one task that takes a few at a time.

use std::{ops::Range, sync::Arc};

use tokio::sync::Semaphore;

use super::{Arbiter, task::spawn_eager};
use crate::model::limits::RESYNCS_AT_ONCE;

/// Which slots are compared, and which once more after that.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// `None`: nobody compares all rooms.
    under_way: Option<Range<usize>>,
    /// Those before it were compared, or are about to be, when the bus came back once more.
    again_until: usize,
}

impl Progress {
    /// The bus came back; true if a task must begin.
    fn begin(&mut self) -> bool {
        match &mut self.under_way {
            None => {
                self.under_way = Some(0..usize::MAX);
                true
            }
            Some(slots) => {
                slots.end = usize::MAX;
                self.again_until = slots.start;
                false
            }
        }
    }

    /// Where the next few begin; when none are left, `None`, and the next news needs another task.
    fn next(&mut self) -> Option<usize> {
        if self.under_way.as_ref().is_none_or(Range::is_empty) {
            let again = 0..std::mem::take(&mut self.again_until);
            self.under_way = Some(again).filter(|again| !again.is_empty());
        }
        self.under_way.as_ref().map(|slots| slots.start)
    }

    /// All before this slot had their turn, or all there are.
    fn pass(&mut self, next: Option<usize>) {
        if let Some(slots) = &mut self.under_way {
            slots.start = slots.start.max(next.unwrap_or(usize::MAX));
        }
    }

    /// The room in this slot is about to be compared; false if it is not its turn any more.
    fn reach(&mut self, slot: usize) -> bool {
        let Some(slots) = self.under_way.as_mut().filter(|slots| slots.contains(&slot)) else { return false };
        slots.start = slot + 1;
        true
    }
}

impl Arbiter {
    /// The bus came back. A room that waits for its comparison is compared once, however often this is called meanwhile.
    pub(super) fn resync_all(self: &Arc<Self>) {
        if self.resync_all.lock().begin() {
            spawn_eager(Arc::clone(self).resync_each());
        }
    }

    async fn resync_each(self: Arc<Self>) {
        // As many as are compared at one time, so that the others do not wait in memory.
        let permits = Arc::new(Semaphore::new(RESYNCS_AT_ONCE));
        let mut rooms = Vec::new();
        loop {
            let Some(from) = self.resync_all.lock().next() else { return };
            let next = self.rooms.slice(from, &mut rooms);
            for (slot, room) in rooms.drain(..) {
                let Ok(turn) = Arc::clone(&permits).acquire_owned().await else { return };
                if !self.resync_all.lock().reach(slot) {
                    continue;
                }
                let Some(room) = self.rooms.get(&room.name) else { continue };
                let arbiter = Arc::clone(&self);
                spawn_eager(async move {
                    arbiter.resync(room).await;
                    drop(turn);
                });
            }
            self.resync_all.lock().pass(next);
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compared_before_the_bus_came_back_again_is_compared_once_more() {
        let mut progress = Progress::default();
        assert!(progress.begin());
        assert_eq!(progress.next(), Some(0));
        assert!((0..10).all(|slot| progress.reach(slot)));
        assert!(!progress.begin() && !progress.begin());
        progress.pass(Some(64));
        assert_eq!(progress.next(), Some(64));
        assert!(progress.reach(64));
        progress.pass(None);
        assert_eq!(progress.next(), Some(0), "the first ten");
        assert!(progress.reach(9) && !progress.reach(10));
        assert!(!progress.begin());
        progress.pass(Some(64));
        assert_eq!(progress.next(), Some(64), "the others were compared before that");
        progress.pass(None);
        assert_eq!(progress.next(), Some(0));
        progress.pass(None);
        assert_eq!(progress.next(), None);
        assert!(progress.begin());
    }
}
