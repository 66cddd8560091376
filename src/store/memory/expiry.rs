use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::model::{Millis, RoomName};

/// When rooms expire that nobody uses, the next first.
#[derive(Debug, Default)]
pub(super) struct Expiry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    rooms: BTreeMap<Entry, RoomName>,
    made: u64,
}

/// By when a room was last known to be used; the number keeps rooms of one moment apart.
pub(super) type Entry = (Millis, u64);

impl Expiry {
    /// A room was made.
    pub(super) fn add(&self, room: &RoomName, used_at: Millis) -> Entry {
        let entries = &mut *self.0.lock();
        entries.made += 1;
        let entry = (used_at, entries.made);
        entries.rooms.insert(entry, room.clone());
        entry
    }

    /// A room went.
    pub(super) fn remove(&self, entry: Entry) {
        self.0.lock().rooms.remove(&entry);
    }

    /// The room that may be due first, if it is by `used_before`.
    pub(super) fn first(&self, used_before: Millis) -> Option<(Entry, RoomName)> {
        let entries = self.0.lock();
        let (entry, room) = entries.rooms.first_key_value()?;
        (entry.0 <= used_before).then(|| (*entry, room.clone()))
    }

    /// It was used since it was looked at last.
    pub(super) fn postpone(&self, entry: Entry, used_at: Millis) -> Entry {
        let entries = &mut *self.0.lock();
        let later = (used_at, entry.1);
        if let Some(room) = entries.rooms.remove(&entry) {
            entries.rooms.insert(later, room);
        }
        later
    }
}
