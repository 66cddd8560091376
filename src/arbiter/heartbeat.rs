//! Who is here by way of this node is told to the others, and theirs is heard: at once when it changes in a small room,
//! with the next tick in a large one, and every few seconds so that a node that is gone is noticed.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use super::{Arbiter, presence::Presence, room::Room};
use crate::{
    bus::{BusMessage, Heartbeat, Players},
    model::{RoomName, limits::HEARTBEAT_MS},
};

impl Arbiter {
    /// After somebody came or went here. In a large room nobody is told at once anyway.
    pub(super) fn tell_who_moved(&self, room: &Room) {
        self.tell_who_is_here(room, Presence::must_tell_at_once);
    }

    /// Once a second: tells members and other nodes what is due, and forgets nodes that are gone.
    pub(super) fn look_after_presence(&self, room: &Room) {
        let now = self.clock.now();
        room.announce(|presence| presence.tick(now));
        let due = room.heartbeat_at.load(Relaxed) <= now;
        self.tell_who_is_here(room, |presence| presence.must_tell() || due && presence.is_anybody_here());
    }

    /// Asks the other nodes for a heartbeat each, so that whoever joins does not wait for the next.
    pub(super) fn ask_who_is_elsewhere(&self, room: &Room) {
        self.bus.publish(&room.name, &BusMessage::WhoIsHere);
    }

    pub(super) fn answer_who_is_here(&self, name: &RoomName) {
        if let Some(room) = self.rooms.peek(name) {
            self.tell_who_is_here(&room, Presence::is_anybody_here);
        }
    }

    pub(super) fn hear_who_is_elsewhere(&self, name: &RoomName, heartbeat: Heartbeat) {
        if let Some(room) = self.rooms.peek(name) {
            let now = self.clock.now();
            room.announce(|presence| presence.hear(heartbeat, now));
        }
    }

    /// This node is on its way out: its players leave on all others at once, and it says no more of who is here.
    pub async fn farewell(&self) {
        self.leaving.store(true, Relaxed);
        if !self.bus.reaches_other_nodes() {
            return;
        }
        self.each_room(|_, room| {
            self.send_heartbeat(room, |presence| presence.is_anybody_here().then_some(Players::NOBODY));
        })
        .await;
    }

    fn tell_who_is_here(&self, room: &Room, due: impl FnOnce(&Presence) -> bool) {
        self.send_heartbeat(room, |presence| {
            // Looked at under the room's lock, so that nothing gets a higher number than the farewell.
            (!self.leaving.load(Relaxed) && due(presence)).then(|| presence.local_players())
        });
    }

    /// Numbered under the room's lock: what has a higher number was so later.
    fn send_heartbeat(&self, room: &Room, players: impl FnOnce(&mut Presence) -> Option<Players>) {
        if !self.bus.reaches_other_nodes() {
            return;
        }
        let Some(heartbeat) = room.with(|state| {
            let players = players(&mut state.presence)?;
            let number = self.heartbeats.fetch_add(1, Relaxed) + 1;
            Some(Heartbeat { node: self.node.0, number, players })
        }) else {
            return;
        };
        let pause = self.jitter(Duration::from_millis(HEARTBEAT_MS)).as_millis() as u64;
        room.heartbeat_at.store(self.clock.now() + pause, Relaxed);
        self.bus.publish(&room.name, &BusMessage::Heartbeat(heartbeat));
    }
}
