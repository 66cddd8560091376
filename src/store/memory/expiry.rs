use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::model::{Millis, RoomName};

/// The expiry queue of rooms, ordered by due time.
#[derive(Debug, Default)]
pub(super) struct Expiry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    rooms: BTreeMap<Entry, RoomName>,
    made: u64,
}

/// When a room was last known to be used. The number distinguishes rooms of the same moment.
pub(super) type Entry = (Millis, u64);

impl Expiry {
    /// Adds a room.
    pub(super) fn add(&self, room: &RoomName, used_at: Millis) -> Entry {
        let entries = &mut *self.0.lock();
        entries.made += 1;
        let entry = (used_at, entries.made);
        entries.rooms.insert(entry, room.clone());
        entry
    }

    /// Removes a room.
    pub(super) fn remove(&self, entry: Entry) {
        self.0.lock().rooms.remove(&entry);
    }

    /// The first room of the queue, if it was last known to be used at or before `used_before`.
    pub(super) fn first(&self, used_before: Millis) -> Option<(Entry, RoomName)> {
        let entries = self.0.lock();
        let (entry, room) = entries.rooms.first_key_value()?;
        (entry.0 <= used_before).then(|| (*entry, room.clone()))
    }

    /// Moves a room back because it was used since.
    pub(super) fn postpone(&self, entry: Entry, used_at: Millis) -> Entry {
        let entries = &mut *self.0.lock();
        let later = (used_at, entry.1);
        if let Some(room) = entries.rooms.remove(&entry) {
            entries.rooms.insert(later, room);
        }
        later
    }
}
