use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use crate::model::{RoomName, limits::FROZEN_ROOMS};

/// The rooms in which the store lost what it had answered. No select creates an asset there until an operator
/// removes the room, also when its view is gone meanwhile.
#[derive(Debug, Default)]
pub(super) struct FrozenRooms(Mutex<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    since: HashMap<RoomName, u64>,
    by_age: BTreeMap<u64, RoomName>,
    next: u64,
}

impl FrozenRooms {
    /// Adds a room; gives back the oldest if there are too many, which is in here no more.
    pub(super) fn add(&self, room: &RoomName) -> Option<RoomName> {
        let rooms = &mut *self.0.lock();
        if rooms.since.contains_key(room) {
            return None;
        }
        rooms.since.insert(room.clone(), rooms.next);
        rooms.by_age.insert(rooms.next, room.clone());
        rooms.next += 1;
        if rooms.since.len() <= FROZEN_ROOMS {
            return None;
        }
        let (_, oldest) = rooms.by_age.pop_first()?;
        rooms.since.remove(&oldest);
        Some(oldest)
    }

    /// True if it was in here.
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
        let (frozen, room) = (FrozenRooms::default(), |n: usize| format!("r{n}").parse::<RoomName>().unwrap());
        for n in 0..FROZEN_ROOMS {
            assert_eq!(frozen.add(&room(n)), None);
        }
        assert_eq!(frozen.add(&room(0)), None, "it is there already");
        assert!(frozen.remove(&room(0)) && !frozen.remove(&room(0)));
        assert_eq!(frozen.add(&room(FROZEN_ROOMS)), None);
        assert_eq!(frozen.add(&room(0)), Some(room(1)));
        assert!(frozen.contains(&room(0)) && !frozen.contains(&room(1)));
    }
}
