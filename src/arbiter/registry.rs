use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire},
    },
};

use dashmap::{DashMap, Entry};
use parking_lot::Mutex;

use super::{
    clock::Clock,
    config::Config,
    deadlines::Timers,
    node::Node,
    regressed_rooms::RegressedRooms,
    room::{Place, Room},
};
use crate::{
    bus::Bus,
    model::{Millis, RoomName, Slots, limits::LOOKED_AFTER_AT_ONCE},
};

/// Milliseconds over which nodes with the same store spread the ends of grants: a bus is faster, so mostly one node calls
/// the store.
const LATENESS: Millis = 100;

/// The active rooms of this node. A room stays active while it is in use. Afterwards a room with assets lingers until
/// its time is over or its place is needed; an empty room is removed at once.
pub(super) struct Registry {
    rooms: DashMap<RoomName, Arc<Room>>,
    /// The same rooms, in slots, so that upkeep can visit a few at a time.
    slots: Slots<Room>,
    /// Rooms that are active or reserved; never more than `--max-rooms`.
    count: AtomicUsize,
    idle: Mutex<Idle>,
    clock: Arc<Clock>,
    bus: Arc<dyn Bus>,
    regressed: Arc<RegressedRooms>,
    pub(super) timers: Arc<Timers>,
    /// The longest time by which a room ends grants later than their deadlines.
    lateness: Millis,
}

/// A use of a room. A room in use stays active.
pub(super) struct RoomHandle {
    room: Arc<Room>,
    rooms: Arc<Registry>,
}

/// The rooms that were unused at their last visit, each with the time of that visit, oldest first.
#[derive(Default)]
struct Idle {
    rooms: BTreeMap<u64, (Millis, Arc<Room>)>,
    entries: u64,
}

/// The node has `--max-rooms` active rooms, and all are in use.
pub(super) struct TooManyRooms;

impl Registry {
    pub(super) fn of(node: &Node, regressed: Arc<RegressedRooms>) -> Arc<Self> {
        Self::new(Arc::clone(&node.clock), Arc::clone(&node.bus), regressed, node.store.shared())
    }

    /// `shared`: other nodes have the same store.
    pub(super) fn new(
        clock: Arc<Clock>,
        bus: Arc<dyn Bus>,
        regressed: Arc<RegressedRooms>,
        shared: bool,
    ) -> Arc<Self> {
        let (rooms, slots, count, idle, timers) = Default::default();
        let lateness = if shared { LATENESS } else { 0 };
        Arc::new(Self { rooms, slots, count, idle, clock, bus, regressed, timers, lateness })
    }

    /// Returns a handle on an active room. The handle keeps the room active.
    pub(super) fn get(self: &Arc<Self>, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).map(|room| self.handle(&room))
    }

    /// Returns an active room without keeping it active.
    pub(super) fn peek(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.rooms.get(name).map(|room| Arc::clone(&room))
    }

    /// Returns a handle on an active room. If the room is inactive, calls `step` before the room can be opened. `step`
    /// must not block.
    pub(super) fn get_or_else(self: &Arc<Self>, name: &RoomName, step: impl FnOnce()) -> Option<RoomHandle> {
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(room) => Some(self.handle(room.get())),
            Entry::Vacant(_) => {
                step();
                None
            }
        }
    }

    /// Returns a handle on a room that has members, because a handle on an idle room would keep it active.
    pub(super) fn get_with_members(self: &Arc<Self>, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).filter(|room| room.has_members()).map(|room| self.handle(&room))
    }

    /// Returns a handle on a room and opens the room if it is inactive. If the node is full, the longest idle room is
    /// removed. `epoch` is only called for a new room.
    pub(super) fn get_or_open(
        self: &Arc<Self>,
        name: &RoomName,
        config: &Config,
        epoch: impl FnOnce() -> String,
    ) -> Result<RoomHandle, TooManyRooms> {
        if let Some(open) = self.get(name) {
            return Ok(open);
        }
        self.reserve(config.max_rooms)?;
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(open) => {
                self.count.fetch_sub(1, AcqRel);
                Ok(self.handle(open.get()))
            }
            Entry::Vacant(vacant) => {
                let epoch = epoch();
                // The epoch is random, so nodes differ.
                let lateness = epoch.bytes().map(Millis::from).sum::<Millis>() % (self.lateness + 1);
                let make = |slot| {
                    let place = Place { slot, timers: Arc::clone(&self.timers), lateness };
                    Arc::new(Room::new(name.clone(), epoch, config, self.clock.now(), place))
                };
                let room = self.slots.insert_with(make);
                let handle = self.handle(&room);
                vacant.insert(room);
                Ok(handle)
            }
        }
    }

    /// Copies the next few rooms from a slot on. Returns the next slot, or `None` after the last room.
    pub(super) fn slice(&self, from: usize, into: &mut Vec<(usize, Arc<Room>)>) -> Option<usize> {
        self.slots.slice(from, LOOKED_AFTER_AT_ONCE, into)
    }

    /// Calls `visit` for every active room with its slot. Yields in between, so that a node with many rooms stays
    /// responsive.
    pub(super) async fn for_each(&self, mut visit: impl FnMut(usize, &Arc<Room>)) {
        let visit = |slot, room: &Arc<Room>| {
            if !room.is_gone() {
                visit(slot, room);
            }
        };
        self.slots.for_each(visit, tokio::task::yield_now).await;
    }

    /// Removes a few rooms that were unused for `linger` milliseconds; true if there may be more.
    pub(super) fn expire(&self, linger: Millis) -> bool {
        let mut any_went = false;
        for _ in 0..LOOKED_AFTER_AT_ONCE {
            let now = self.clock.now();
            let due = |since: Millis| since + linger <= now;
            let Some(room) = self.longest_idle(due) else { return false };
            if self.remove_if(&room, |room| room.is_idle(now, linger) && self.is_announced(room)) {
                any_went = true;
            } else if !room.is_used() {
                self.note_idle(&room);
            }
            // A room in use is listed as idle again when its last handle is dropped.
        }
        any_went
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Lists an unused room as idle, or removes it if it is empty. Called when its last handle is dropped.
    pub(super) fn note_idle(&self, room: &Arc<Room>) {
        if room.is_empty()
            && self.remove_if(room, |room| !room.is_used() && room.is_empty() && self.is_announced(room))
        {
            return;
        }
        let Idle { rooms, entries } = &mut *self.idle.lock();
        *entries += 1;
        rooms.remove(&room.idle_entry.swap(*entries, AcqRel));
        // A room that was removed meanwhile is not listed.
        if !room.is_gone() {
            rooms.insert(*entries, (self.clock.now(), Arc::clone(room)));
        }
    }

    fn reserve(&self, most: usize) -> Result<(), TooManyRooms> {
        let one_more = |count| (count < most).then_some(count + 1);
        while self.count.try_update(AcqRel, Acquire, one_more).is_err() {
            if !self.make_room() {
                return Err(TooManyRooms);
            }
        }
        Ok(())
    }

    /// Removes the longest idle room; false if all rooms are in use.
    fn make_room(&self) -> bool {
        while let Some(room) = self.longest_idle(|_| true) {
            if self.remove_if(&room, |room| !room.is_used()) {
                return true;
            }
        }
        false
    }

    fn longest_idle(&self, due: impl FnOnce(Millis) -> bool) -> Option<Arc<Room>> {
        let mut idle = self.idle.lock();
        let first = idle.rooms.first_entry()?;
        due(first.get().0).then(|| first.remove().1)
    }

    /// Removes a room if `may_go` allows it, and unsubscribes in the same step, before the room can be opened again.
    fn remove_if(&self, room: &Arc<Room>, may_go: impl FnOnce(&Room) -> bool) -> bool {
        let removed = self.rooms.remove_if(&room.name, |name, active| {
            let goes = Arc::ptr_eq(active, room) && may_go(active);
            if goes {
                active.set_gone();
                // The node still needs the `RoomRemoved` message of a regressed room.
                if !self.regressed.contains(name) {
                    self.bus.unsubscribe(name);
                }
            }
            goes
        });
        if removed.is_none() {
            return false;
        }
        self.idle.lock().rooms.remove(&room.idle_entry.load(Acquire));
        self.slots.remove(room.slot);
        self.count.fetch_sub(1, AcqRel);
        true
    }

    /// Whether the other nodes received the current local players.
    fn is_announced(&self, room: &Room) -> bool {
        !self.bus.reaches_other_nodes() || !room.read(|state| state.presence.has_unpublished())
    }

    /// Called while the map's lock is held, because `remove_if` decides under that lock.
    fn handle(self: &Arc<Self>, room: &Arc<Room>) -> RoomHandle {
        RoomHandle::new(Arc::clone(room), Arc::clone(self))
    }

    fn now(&self) -> Millis {
        self.clock.now()
    }
}

impl RoomHandle {
    /// The registry creates the first handle of a room under the lock that also removes rooms.
    fn new(room: Arc<Room>, rooms: Arc<Registry>) -> Self {
        room.enter_use();
        Self { room, rooms }
    }
}

impl Clone for RoomHandle {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.room), Arc::clone(&self.rooms))
    }
}

impl Deref for RoomHandle {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.room
    }
}

impl Drop for RoomHandle {
    fn drop(&mut self) {
        if self.room.leave_use(self.rooms.now()) {
            self.rooms.note_idle(&self.room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{arbiter::view::untouched, bus};

    fn registry() -> Arc<Registry> {
        Registry::new(Arc::new(Clock::start()), bus::open("local:").unwrap(), Arc::default(), false)
    }

    fn open(registry: &Arc<Registry>, n: usize, max_rooms: usize) -> Result<RoomHandle, TooManyRooms> {
        let config = Config { max_rooms, ..Config::default() };
        registry.get_or_open(&name(n), &config, String::new)
    }

    fn name(n: usize) -> RoomName {
        format!("r{n}").parse().unwrap()
    }

    /// Loads one asset into the room.
    fn fill(room: &RoomHandle) {
        let sword = untouched(&"sword".parse().unwrap(), 1);
        room.with(|room| room.view.load(vec![sword]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_room_goes_at_once_and_another_lingers() {
        let registry = registry();
        for n in 0..20_000 {
            drop(open(&registry, n, 1).ok().unwrap());
        }
        assert_eq!(registry.len(), 0);
        let room = open(&registry, 1, 1).ok().unwrap();
        fill(&room);
        drop(room);
        assert_eq!(registry.len(), 1);
        assert!(!registry.expire(1000));
        assert_eq!(registry.len(), 1, "its time is not over");
        tokio::time::advance(std::time::Duration::from_millis(600)).await;
        drop(registry.get(&name(1)).unwrap());
        tokio::time::advance(std::time::Duration::from_millis(600)).await;
        registry.expire(1000);
        assert_eq!(registry.len(), 1, "it was used since");
        tokio::time::advance(std::time::Duration::from_millis(400)).await;
        registry.expire(1000);
        assert_eq!(registry.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_lingers_gives_way_the_oldest_first_and_what_is_used_does_not() {
        let registry = registry();
        let used = open(&registry, 0, 3).ok().unwrap();
        for n in 1..=2 {
            let room = open(&registry, n, 3).ok().unwrap();
            fill(&room);
            tokio::time::advance(std::time::Duration::from_millis(1)).await;
        }
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
        drop(registry.get(&name(1)));
        let third = open(&registry, 3, 3).ok().unwrap();
        assert!(registry.peek(&name(1)).is_some(), "it was used later");
        assert!(registry.peek(&name(2)).is_none());
        let fourth = open(&registry, 4, 3).ok().unwrap();
        assert!(open(&registry, 5, 3).is_err(), "all are used");
        drop((used, third));
        assert!(open(&registry, 5, 3).is_ok());
        drop(fourth);
        assert_eq!(registry.len(), 0);
        assert!(registry.idle.lock().rooms.is_empty());
    }
}
