//! After the bus reconnects, one task compares all rooms with the store, a few at a time.

use std::{ops::Range, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{registry::Registry, resync::Resync, task::spawn_eager};
use crate::model::limits::RESYNCS_AT_ONCE;

/// The slots that are being compared, and the slots to compare again afterwards.
#[derive(Debug, Default)]
struct Progress {
    /// `None`: no task compares all rooms.
    under_way: Option<Range<usize>>,
    /// The slots before this one must be compared again, because the bus reconnected after their comparison began.
    again_until: usize,
}

impl Progress {
    /// Records that the bus reconnected; true if a task must be started.
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

    /// Returns the first of the next slots; `None`: no slots are left, and the next reconnect needs another task.
    fn next(&mut self) -> Option<usize> {
        if self.under_way.as_ref().is_none_or(Range::is_empty) {
            let again = 0..std::mem::take(&mut self.again_until);
            self.under_way = Some(again).filter(|again| !again.is_empty());
        }
        self.under_way.as_ref().map(|slots| slots.start)
    }

    /// Marks all slots before `next` as compared; `None`: all slots.
    fn pass(&mut self, next: Option<usize>) {
        if let Some(slots) = &mut self.under_way {
            slots.start = slots.start.max(next.unwrap_or(usize::MAX));
        }
    }

    /// Marks the slot as compared, just before its comparison; false if the slot need not be compared.
    fn reach(&mut self, slot: usize) -> bool {
        let Some(slots) = self.under_way.as_mut().filter(|slots| slots.contains(&slot)) else { return false };
        slots.start = slot + 1;
        true
    }
}

pub(super) struct ResyncAll {
    rooms: Arc<Registry>,
    resync: Arc<Resync>,
    progress: Mutex<Progress>,
}

impl ResyncAll {
    pub(super) fn new(rooms: Arc<Registry>, resync: Arc<Resync>) -> Arc<Self> {
        Arc::new(Self { rooms, resync, progress: Mutex::default() })
    }

    /// Compares all rooms after a reconnect. A room that already waits for its comparison is not compared twice.
    pub(super) fn start(self: &Arc<Self>) {
        if self.progress.lock().begin() {
            spawn_eager(Arc::clone(self).run());
        }
    }

    async fn run(self: Arc<Self>) {
        // There are no more tasks than permits, because waiting tasks would take memory.
        let permits = Arc::new(Semaphore::new(RESYNCS_AT_ONCE));
        let mut rooms = Vec::new();
        loop {
            let Some(from) = self.progress.lock().next() else { return };
            let next = self.rooms.slice(from, &mut rooms);
            for (slot, room) in rooms.drain(..) {
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                if !self.progress.lock().reach(slot) {
                    continue;
                }
                let Some(room) = self.rooms.get(&room.name) else { continue };
                let resync = Arc::clone(&self.resync);
                spawn_eager(async move {
                    resync.run(&room).await;
                    drop(permit);
                });
            }
            self.progress.lock().pass(next);
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
