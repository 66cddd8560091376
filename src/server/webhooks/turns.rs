//! When each room has its turn. Knows no sockets and no store.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use crate::model::{Millis, RoomName, limits::WEBHOOK_ROOMS};

/// The rooms in which events wait or may wait. At most one attempt of a room is under way.
#[derive(Debug, Default)]
pub(super) struct Turns {
    rooms: HashMap<RoomName, Turn>,
    /// The rooms of which no attempt is under way, by the time of their turn.
    due: BTreeSet<(Instant, RoomName)>,
    under_way: usize,
}

#[derive(Debug)]
struct Turn {
    at: Instant,
    is_under_way: bool,
    /// The room changed while its attempt was under way.
    has_changed: bool,
    /// Failures in a row.
    failures: u32,
    /// When the store last listed the room, or the room changed here.
    seen: Instant,
    /// The events that wait, as far as this node knows, and when the oldest happened.
    waiting: usize,
    oldest: Option<Millis>,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// All that was taken is acknowledged; more may wait.
    Delivered,
    /// No event waits, or another node has the room.
    Nothing,
    /// The store did not answer.
    Unknown,
}

impl Turns {
    /// Events may wait in the room.
    pub(super) fn listed(&mut self, room: RoomName, now: Instant) {
        match self.rooms.get_mut(&room) {
            Some(turn) => turn.seen = now,
            None => self.add(room, now),
        }
    }

    /// The room changed on this node, so its turn is now. Unless it failed: then it waits.
    pub(super) fn changed(&mut self, room: RoomName, now: Instant) {
        let Some(turn) = self.rooms.get_mut(&room) else { return self.add(room, now) };
        turn.seen = now;
        if turn.is_under_way {
            turn.has_changed = true;
        } else if turn.failures == 0 {
            self.put(&room, now);
        }
    }

    /// The room whose turn has come first; its attempt is under way then.
    pub(super) fn start(&mut self, now: Instant) -> Option<RoomName> {
        let (_, room) = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.pop_first();
        if let Some(turn) = self.rooms.get_mut(&room) {
            (turn.is_under_way, turn.has_changed) = (true, false);
            self.under_way += 1;
        }
        Some(room)
    }

    /// When the next turn is.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// These events of the room wait.
    pub(super) fn taken(&mut self, room: &RoomName, waiting: usize, oldest: Option<Millis>) {
        if let Some(turn) = self.rooms.get_mut(room) {
            (turn.waiting, turn.oldest) = (waiting, oldest);
        }
    }

    /// The attempt is over. After `Nothing` and `Unknown` the room is looked at again after `pause`.
    pub(super) fn ended(&mut self, room: &RoomName, ended: Ended, now: Instant, pause: Duration) {
        let Some(turn) = self.rooms.get_mut(room) else { return };
        if ended != Ended::Unknown {
            (turn.failures, turn.waiting, turn.oldest) = (0, 0, None);
        }
        let is_now = ended == Ended::Delivered || turn.has_changed;
        self.end(room, if is_now { now } else { now + pause });
    }

    /// The attempt failed. Returns the failures of the room in a row; `None`: there is no such attempt.
    pub(super) fn failed(&mut self, room: &RoomName) -> Option<u32> {
        let turn = self.rooms.get_mut(room).filter(|turn| turn.is_under_way)?;
        turn.failures = turn.failures.saturating_add(1);
        Some(turn.failures)
    }

    /// The failed attempt is over, and the next one is then.
    pub(super) fn retry_at(&mut self, room: &RoomName, at: Instant) {
        self.end(room, at);
    }

    /// Another node failed to deliver the room's events, and attempts it again then.
    pub(super) fn heard(&mut self, room: &RoomName, failures: u32, now: Instant, at: Instant) {
        if !self.rooms.contains_key(room) {
            self.add(room.clone(), now);
        }
        if let Some(turn) = self.rooms.get_mut(room).filter(|turn| !turn.is_under_way) {
            (turn.failures, turn.seen) = (failures, now);
            self.put(room, at);
        }
    }

    /// Nobody waits any longer.
    pub(super) fn resume(&mut self, now: Instant) {
        self.due.clear();
        for (room, turn) in &mut self.rooms {
            turn.failures = 0;
            if !turn.is_under_way {
                turn.at = now;
                self.due.insert((now, room.clone()));
            }
        }
    }

    /// Forgets rooms that the store has not listed since, and that wait for nothing.
    pub(super) fn forget(&mut self, since: Instant) {
        let Self { rooms, due, .. } = self;
        rooms.retain(|room, turn| {
            let keep = turn.is_under_way || turn.seen >= since;
            if !keep {
                due.remove(&(turn.at, room.clone()));
            }
            keep
        });
    }

    /// The events that wait as far as this node knows, and when the oldest happened.
    pub(super) fn backlog(&self) -> (usize, Option<Millis>) {
        let turns = self.rooms.values();
        turns.fold((0, None), |(waiting, oldest), turn| {
            (waiting + turn.waiting, oldest.into_iter().chain(turn.oldest).min())
        })
    }

    fn add(&mut self, room: RoomName, now: Instant) {
        if self.rooms.len() >= WEBHOOK_ROOMS {
            return;
        }
        self.due.insert((now, room.clone()));
        let turn = Turn {
            at: now,
            is_under_way: false,
            has_changed: false,
            failures: 0,
            seen: now,
            waiting: 0,
            oldest: None,
        };
        self.rooms.insert(room, turn);
    }

    fn end(&mut self, room: &RoomName, at: Instant) {
        if let Some(turn) = self.rooms.get_mut(room)
            && std::mem::take(&mut turn.is_under_way)
        {
            self.under_way -= 1;
            self.put(room, at);
        }
    }

    /// Puts the turn of a room that is not under way.
    fn put(&mut self, room: &RoomName, at: Instant) {
        if let Some(turn) = self.rooms.get_mut(room) {
            self.due.remove(&(turn.at, room.clone()));
            turn.at = at;
            self.due.insert((at, room.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(2);

    fn room(name: &str) -> RoomName {
        name.parse().unwrap()
    }

    fn second(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_room_has_one_attempt_at_a_time_and_others_go_on() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        turns.listed(room("a"), now);
        turns.listed(room("b"), now);
        assert_eq!(turns.start(now), Some(room("a")));
        turns.changed(room("a"), now);
        turns.listed(room("a"), now);
        assert_eq!(turns.start(now), Some(room("b")));
        assert_eq!((turns.start(now), turns.under_way()), (None, 2));
        turns.ended(&room("a"), Ended::Delivered, now, PAUSE);
        assert_eq!(turns.start(now), Some(room("a")), "more may wait");
    }

    #[test]
    fn a_change_during_an_attempt_that_found_nothing_is_looked_at() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        turns.listed(room("a"), now);
        turns.start(now);
        turns.ended(&room("a"), Ended::Nothing, now, PAUSE);
        assert_eq!((turns.start(now), turns.next()), (None, Some(now + PAUSE)));
        turns.changed(room("a"), now);
        assert_eq!(turns.start(now), Some(room("a")));
        turns.changed(room("a"), now);
        turns.ended(&room("a"), Ended::Nothing, now, PAUSE);
        assert_eq!(turns.start(now), Some(room("a")));
    }

    #[test]
    fn a_room_that_failed_waits_whatever_changes_in_it() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        turns.listed(room("a"), start);
        for failures in 1..=3 {
            let now = turns.next().unwrap();
            turns.start(now);
            turns.taken(&room("a"), 5, Some(1000));
            assert_eq!(turns.failed(&room("a")), Some(failures));
            turns.retry_at(&room("a"), now + Duration::from_secs(60));
            turns.changed(room("a"), now);
            turns.listed(room("a"), now);
            assert_eq!(turns.start(second(now, 59)), None);
        }
        assert_eq!(turns.backlog(), (5, Some(1000)));
        turns.resume(second(start, 121));
        assert_eq!(turns.start(second(start, 121)), Some(room("a")));
        turns.ended(&room("a"), Ended::Delivered, second(start, 122), PAUSE);
        assert_eq!(turns.backlog(), (0, None));
    }

    #[test]
    fn a_node_attempts_what_failed_elsewhere_when_the_other_node_would() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        turns.listed(room("a"), start);
        turns.heard(&room("a"), 3, start, second(start, 8));
        turns.heard(&room("b"), 1, start, second(start, 1));
        assert_eq!((turns.start(start), turns.start(second(start, 1))), (None, Some(room("b"))));
        assert_eq!(turns.failed(&room("b")), Some(2));
        turns.heard(&room("b"), 9, start, start);
        assert_eq!(turns.start(second(start, 7)), None, "an attempt of its own is under way");
        assert_eq!(turns.start(second(start, 8)), Some(room("a")));
        assert_eq!(turns.failed(&room("a")), Some(4));
    }

    #[test]
    fn rooms_that_the_store_lists_no_longer_are_forgotten() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        for name in ["gone", "here", "under-way"] {
            turns.listed(room(name), start);
        }
        while turns.start(start).is_some() {}
        turns.ended(&room("gone"), Ended::Nothing, start, PAUSE);
        turns.ended(&room("here"), Ended::Nothing, start, PAUSE);
        turns.listed(room("here"), second(start, 1));
        turns.forget(second(start, 1));
        assert_eq!(turns.start(second(start, 9)), Some(room("here")));
        assert_eq!((turns.start(second(start, 9)), turns.under_way()), (None, 2));
    }

    #[test]
    fn the_memory_of_rooms_is_bounded() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        for number in 0..WEBHOOK_ROOMS + 10 {
            turns.listed(room(&format!("r{number}")), now);
        }
        assert_eq!(turns.rooms.len(), WEBHOOK_ROOMS);
        turns.heard(&room("one-more"), 1, now, now);
        assert_eq!((turns.rooms.len(), turns.due.len()), (WEBHOOK_ROOMS, WEBHOOK_ROOMS));
    }
}
