use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use crate::model::{RoomName, limits::REGRESSED_ROOMS};

/// The rooms in which the store lost writes. Selects create no assets in such a room until an operator removes it,
/// even if the room was inactive in between.
#[derive(Debug, Default)]
pub(super) struct RegressedRooms(Mutex<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    since: HashMap<RoomName, u64>,
    by_age: BTreeMap<u64, RoomName>,
    next: u64,
}

impl RegressedRooms {
    /// Adds a room. If there are too many, removes the oldest and returns it.
    pub(super) fn add(&self, room: &RoomName) -> Option<RoomName> {
        let rooms = &mut *self.0.lock();
        if rooms.since.contains_key(room) {
            return None;
        }
        rooms.since.insert(room.clone(), rooms.next);
        rooms.by_age.insert(rooms.next, room.clone());
        rooms.next += 1;
        if rooms.since.len() <= REGRESSED_ROOMS {
            return None;
        }
        let (_, oldest) = rooms.by_age.pop_first()?;
        rooms.since.remove(&oldest);
        Some(oldest)
    }

    /// Whether the room was in the set.
    pub(super) fn remove(&self, room: &RoomName) -> bool {
        let rooms = &mut *self.0.lock();
        let since = rooms.since.remove(room);
        since.is_some_and(|since| rooms.by_age.remove(&since).is_some())
    }

    pub(super) fn contains(&self, room: &RoomName) -> bool {
        self.0.lock().since.contains_key(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_a_bound_and_the_oldest_goes_first() {
        let (regressed, room) =
            (RegressedRooms::default(), |n: usize| format!("r{n}").parse::<RoomName>().unwrap());
        for n in 0..REGRESSED_ROOMS {
            assert_eq!(regressed.add(&room(n)), None);
        }
        assert_eq!(regressed.add(&room(0)), None, "it is there already");
        assert!(regressed.remove(&room(0)) && !regressed.remove(&room(0)));
        assert_eq!(regressed.add(&room(REGRESSED_ROOMS)), None);
        assert_eq!(regressed.add(&room(0)), Some(room(1)));
        assert!(regressed.contains(&room(0)) && !regressed.contains(&room(1)));
    }
}
