use std::sync::Arc;

use dashmap::{DashMap, Entry};

use super::{
    clock::Clock,
    config::Config,
    room::{Room, RoomHandle},
};
use crate::model::{Millis, RoomName};

/// The active rooms of this node.
pub(super) struct Registry {
    rooms: DashMap<RoomName, Arc<Room>>,
    clock: Arc<Clock>,
}

/// The node has as many active rooms as it may.
pub(super) struct TooManyRooms;

impl Registry {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self { rooms: DashMap::new(), clock }
    }

    /// A handle on an active room, which keeps it active.
    pub(super) fn get(&self, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).map(|room| self.handle(&room))
    }

    /// An active room for a short look, which does not keep it active.
    pub(super) fn look(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.rooms.get(name).map(|room| Arc::clone(&room))
    }

    /// A handle on an active room; if it is not active, `step` is called before it can be made so, and must not block.
    pub(super) fn get_or_else(&self, name: &RoomName, step: impl FnOnce()) -> Option<RoomHandle> {
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(room) => Some(self.handle(room.get())),
            Entry::Vacant(_) => {
                step();
                None
            }
        }
    }

    /// A handle on a room that has members; looking at an idle one must not keep it.
    pub(super) fn get_inhabited(&self, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).filter(|room| room.has_members()).map(|room| self.handle(&room))
    }

    /// The same, and the room is made active if it is not. `epoch` is only asked for a new room.
    pub(super) fn get_or_open(
        &self,
        name: &RoomName,
        config: &Config,
        epoch: impl FnOnce() -> String,
    ) -> Result<RoomHandle, TooManyRooms> {
        if let Some(open) = self.get(name) {
            return Ok(open);
        }
        if self.rooms.len() >= config.max_rooms {
            return Err(TooManyRooms);
        }
        let make = || Arc::new(Room::new(name.clone(), epoch(), config, self.clock.now()));
        let room = self.rooms.entry(name.clone()).or_insert_with(make);
        Ok(self.handle(&room))
    }

    /// Every active room, in the order of names. They are made usable by [`get`](Self::get), if they still are active.
    pub(super) fn names(&self) -> Vec<RoomName> {
        let mut names: Vec<_> = self.rooms.iter().map(|entry| entry.key().clone()).collect();
        names.sort();
        names
    }

    /// Lets a room go that nobody uses since `linger` milliseconds; true if it went. `leave` is called before it can be
    /// made active again, and must not block.
    pub(super) fn retire(&self, name: &RoomName, linger: Millis, leave: impl FnOnce()) -> bool {
        let now = self.clock.now();
        let goes = |_: &RoomName, room: &Arc<Room>| {
            let idle = room.is_idle(now, linger);
            if idle {
                leave();
            }
            idle
        };
        self.rooms.remove_if(name, goes).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Made while the map's lock is held, as `retire` decides under it.
    fn handle(&self, room: &Arc<Room>) -> RoomHandle {
        RoomHandle::new(Arc::clone(room), Arc::clone(&self.clock))
    }
}
