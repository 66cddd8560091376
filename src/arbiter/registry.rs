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

use super::{clock::Clock, config::Config, regressed_rooms::RegressedRooms, room::Room};
use crate::{
    bus::Bus,
    model::{Millis, RoomName, Slots, limits::LOOKED_AFTER_AT_ONCE},
};

/// The active rooms of this node. A room stays while somebody uses it. Afterwards it lingers if anything is stored in it,
/// until its time is over or its slot is needed; an empty one goes at once.
pub(super) struct Registry {
    rooms: DashMap<RoomName, Arc<Room>>,
    /// The same, to be looked after a few at a time.
    slots: Slots<Room>,
    /// How many there are or are about to be, which is never more than may be.
    count: AtomicUsize,
    idle: Mutex<Idle>,
    clock: Arc<Clock>,
    bus: Arc<dyn Bus>,
    regressed: Arc<RegressedRooms>,
}

/// A use of a room. While a room is in use, the node keeps it.
pub(super) struct RoomHandle {
    room: Arc<Room>,
    rooms: Arc<Registry>,
}

/// The rooms that nobody used when they were last looked at, each with the time since, in that order.
#[derive(Default)]
struct Idle {
    rooms: BTreeMap<u64, (Millis, Arc<Room>)>,
    entries: u64,
}

/// The node has as many active rooms as it may.
pub(super) struct TooManyRooms;

impl Registry {
    pub(super) fn new(clock: Arc<Clock>, bus: Arc<dyn Bus>, regressed: Arc<RegressedRooms>) -> Arc<Self> {
        let (rooms, slots, count, idle) = Default::default();
        Arc::new(Self { rooms, slots, count, idle, clock, bus, regressed })
    }

    /// A handle on an active room, which keeps it active.
    pub(super) fn get(self: &Arc<Self>, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).map(|room| self.handle(&room))
    }

    /// An active room for a short look, which does not keep it active.
    pub(super) fn peek(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.rooms.get(name).map(|room| Arc::clone(&room))
    }

    /// A handle on an active room; if it is not active, `step` is called before it can be made so, and must not block.
    pub(super) fn get_or_else(self: &Arc<Self>, name: &RoomName, step: impl FnOnce()) -> Option<RoomHandle> {
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(room) => Some(self.handle(room.get())),
            Entry::Vacant(_) => {
                step();
                None
            }
        }
    }

    /// A handle on a room that has members; looking at an idle one must not keep it.
    pub(super) fn get_with_members(self: &Arc<Self>, name: &RoomName) -> Option<RoomHandle> {
        self.rooms.get(name).filter(|room| room.has_members()).map(|room| self.handle(&room))
    }

    /// The same, and the room is made active if it is not; one that only lingers makes room if need be. `epoch` is only
    /// asked for a new room.
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
                let make = |slot| Arc::new(Room::new(name.clone(), epoch(), config, self.clock.now(), slot));
                let room = self.slots.insert_with(make);
                let handle = self.handle(&room);
                vacant.insert(room);
                Ok(handle)
            }
        }
    }

    /// Copies the next few rooms from a slot on, and answers where to go on, until all were met.
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

    /// Lets a few rooms go that nobody uses since `linger` milliseconds; true if there may be more.
    pub(super) fn expire(&self, linger: Millis) -> bool {
        let mut any_went = false;
        for _ in 0..LOOKED_AFTER_AT_ONCE {
            let now = self.clock.now();
            let due = |since: Millis| since + linger <= now;
            let Some(room) = self.longest_idle(due) else { return false };
            if self.remove_if(&room, |room| room.is_idle(now, linger) && self.is_told(room)) {
                any_went = true;
            } else if !room.is_used() {
                self.note_idle(&room);
            }
            // One that is used is among the idle again once it is not.
        }
        any_went
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Nobody uses the room any more; called with every last handle.
    pub(super) fn note_idle(&self, room: &Arc<Room>) {
        if room.is_empty()
            && self.remove_if(room, |room| !room.is_used() && room.is_empty() && self.is_told(room))
        {
            return;
        }
        let Idle { rooms, entries } = &mut *self.idle.lock();
        *entries += 1;
        rooms.remove(&room.idle_entry.swap(*entries, AcqRel));
        // One that went meanwhile is in here no more.
        if !room.is_gone() {
            rooms.insert(*entries, (self.clock.now(), Arc::clone(room)));
        }
    }

    fn reserve(&self, most: usize) -> Result<(), TooManyRooms> {
        let one_more = |count| (count < most).then_some(count + 1);
        while self.count.fetch_update(AcqRel, Acquire, one_more).is_err() {
            if !self.make_room() {
                return Err(TooManyRooms);
            }
        }
        Ok(())
    }

    /// Lets the room go that nobody uses for the longest time; false if all are used.
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

    /// Lets a room go if it may, and unsubscribes in the same step, before it can be made active again.
    fn remove_if(&self, room: &Arc<Room>, may_go: impl FnOnce(&Room) -> bool) -> bool {
        let removed = self.rooms.remove_if(&room.name, |name, active| {
            let goes = Arc::ptr_eq(active, room) && may_go(active);
            if goes {
                active.set_gone();
                // The node still needs to hear when an operator removes a regressed room.
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

    /// Whether the other nodes know who is here.
    fn is_told(&self, room: &Room) -> bool {
        !self.bus.reaches_other_nodes() || !room.with(|state| state.presence.must_tell())
    }

    /// Made while the map's lock is held, as `remove_if` decides under it.
    fn handle(self: &Arc<Self>, room: &Arc<Room>) -> RoomHandle {
        RoomHandle::new(Arc::clone(room), Arc::clone(self))
    }

    fn now(&self) -> Millis {
        self.clock.now()
    }
}

impl RoomHandle {
    /// The registry makes the first handle of a room under the lock that also removes rooms.
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
        Registry::new(Arc::new(Clock::start()), bus::open("local:").unwrap(), Arc::default())
    }

    fn open(registry: &Arc<Registry>, n: usize, max_rooms: usize) -> Result<RoomHandle, TooManyRooms> {
        let config = Config { max_rooms, ..Config::default() };
        registry.get_or_open(&name(n), &config, String::new)
    }

    fn name(n: usize) -> RoomName {
        format!("r{n}").parse().unwrap()
    }

    /// Something is stored in it.
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
