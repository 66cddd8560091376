//! Heartbeats publish the players connected to this node to the other nodes. A change is sent at once in a small room
//! and with the next tick in a large one. They repeat every few seconds, so that a dead node is noticed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{node::Node, presence::Presence, registry::Registry, room::Room};
use crate::{
    bus::{BusMessage, GivenNames, Heartbeat, Players},
    model::{RoomName, limits::HEARTBEAT_MS},
};

pub(super) struct Heartbeats {
    node: Arc<Node>,
    rooms: Arc<Registry>,
    /// Number of the last heartbeat sent.
    sent: AtomicU64,
    /// The node is shutting down and sends no more heartbeats.
    leaving: AtomicBool,
}

impl Heartbeats {
    pub(super) fn new(node: Arc<Node>, rooms: Arc<Registry>) -> Arc<Self> {
        Arc::new(Self { node, rooms, sent: AtomicU64::new(0), leaving: AtomicBool::new(false) })
    }

    /// A player joined or left on this node. In a large room the heartbeat waits for the next tick.
    pub(super) fn announce_change(&self, room: &Room) {
        self.send_if(room, Presence::must_publish_at_once);
    }

    /// Once a second: removes silent nodes, sends pending notices to members and due heartbeats to other nodes.
    pub(super) fn tick(&self, room: &Room) {
        let now = self.node.clock.now();
        room.announce(|presence| presence.tick(now));
        let due = room.heartbeat_at.load(Relaxed) <= now;
        self.send_if(room, |presence| presence.has_unpublished() || due && presence.is_anybody_here());
    }

    /// Requests a heartbeat from every other node, so that a joining member does not wait for the next ones.
    pub(super) fn ask_other_nodes(&self, room: &Room) {
        self.node.bus.publish(&room.name, &BusMessage::WhoIsHere);
    }

    /// Answers another node's request for a heartbeat.
    pub(super) fn answer(&self, name: &RoomName) {
        if let Some(room) = self.rooms.peek(name) {
            self.send_if(&room, Presence::is_anybody_here);
        }
    }

    /// Applies another node's heartbeat. It does not keep the room active on this node.
    pub(super) fn receive(&self, name: &RoomName, heartbeat: Heartbeat) {
        if let Some(room) = self.rooms.peek(name) {
            let now = self.node.clock.now();
            room.announce(|presence| presence.apply_heartbeat(heartbeat, now));
        }
    }

    /// Publishes that this node has no players, so that they leave on all other nodes at once. Stops heartbeats.
    pub(super) async fn farewell(&self) {
        self.leaving.store(true, Relaxed);
        if !self.node.bus.reaches_other_nodes() {
            return;
        }
        let nobody =
            |presence: &mut Presence| presence.is_anybody_here().then(|| (Players::NOBODY, GivenNames::new()));
        self.rooms.for_each(|_, room| self.send(room, nobody)).await;
    }

    fn send_if(&self, room: &Room, due: impl FnOnce(&Presence) -> bool) {
        self.send(room, |presence| {
            // Checked under the room's lock, so that no heartbeat gets a higher number than the farewell.
            (!self.leaving.load(Relaxed) && due(presence)).then(|| presence.local_players())
        });
    }

    /// Numbers the heartbeat under the room's lock, so that a higher number means a later state.
    fn send(&self, room: &Room, players: impl FnOnce(&mut Presence) -> Option<(Players, GivenNames)>) {
        if !self.node.bus.reaches_other_nodes() {
            return;
        }
        let Some(heartbeat) = room.with(|state| {
            let (players, names) = players(&mut state.presence)?;
            let number = self.sent.fetch_add(1, Relaxed) + 1;
            Some(Heartbeat { node: self.node.id.0, number, players, names })
        }) else {
            return;
        };
        let pause = self.node.jitter(Duration::from_millis(HEARTBEAT_MS)).as_millis() as u64;
        room.heartbeat_at.store(self.node.clock.now() + pause, Relaxed);
        self.node.bus.publish(&room.name, &BusMessage::Heartbeat(heartbeat));
    }
}
