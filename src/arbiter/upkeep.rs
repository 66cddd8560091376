//! The node's periodic work: removes idle rooms, compares rooms with a shared store, and sends heartbeats. Receives the
//! messages of other nodes.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::{
    events::Events, heartbeat::Heartbeats, kick::Kicks, meters::StoreCall, node::Node, outbox::Outbox,
    registry::Registry, removal::Removal, resync::Resync, resync_all::ResyncAll, retry::StoreCalls,
    revocations::Revocations, room::Room, same_player::SamePlayers, task::spawn_eager,
};
use crate::{
    bus::{BusMessage, Incoming},
    model::RoomName,
};

/// How often every room is visited. Members of a large room receive its player count at most that often.
const TICK: Duration = Duration::from_secs(1);

/// How often an active room is touched in the store, if its rooms expire: this, or a third of their TTL if that is
/// shorter.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Upkeep {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    rooms: Arc<Registry>,
    heartbeats: Arc<Heartbeats>,
    resync: Arc<Resync>,
}

/// Receives the messages of other nodes.
pub(super) struct Receiver {
    pub(super) rooms: Arc<Registry>,
    pub(super) heartbeats: Arc<Heartbeats>,
    pub(super) events: Arc<Events>,
    pub(super) removal: Arc<Removal>,
    pub(super) resync_all: Arc<ResyncAll>,
    pub(super) same_players: Arc<SamePlayers>,
    pub(super) kicks: Arc<Kicks>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) outbox: Arc<Outbox>,
}

impl Upkeep {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        rooms: Arc<Registry>,
        heartbeats: Arc<Heartbeats>,
        resync: Arc<Resync>,
    ) -> Self {
        Self { node, calls, rooms, heartbeats, resync }
    }

    /// Ticks until it is dropped.
    pub(super) async fn run(self) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for ticks in 0_u64.. {
            interval.tick().await;
            self.tick(ticks).await;
        }
    }

    async fn tick(&self, ticks: u64) {
        let linger = self.node.config.room_linger.as_millis() as u64;
        let touch_every = self.touch_every();
        self.rooms
            .for_each(|slot, room| {
                self.visit(room);
                // Rooms touch the store in different ticks, so that not all of them call it at once.
                if touch_every.is_some_and(|every| (ticks + slot as u64).is_multiple_of(every)) {
                    self.touch(room.name.clone());
                }
            })
            .await;
        while self.rooms.expire(linger) {
            tokio::task::yield_now().await;
        }
        self.node.meters.rooms.set(self.rooms.len() as f64);
    }

    fn visit(&self, room: &Arc<Room>) {
        self.heartbeats.tick(room);
        // Unread snapshot parts are dropped outside the room's lock.
        drop(room.with(|state| state.view.rest()));
        if !room.is_used() && room.is_empty() {
            self.rooms.note_idle(room);
        }
        if let Some(room) = self.rooms.get_with_members(&room.name)
            && self.resync.is_due(&room)
        {
            let resync = Arc::clone(&self.resync);
            spawn_eager(async move { resync.run(&room).await });
        }
    }

    /// After how many ticks a room touches the store, if its rooms expire. A room whose view lingers is still in use.
    fn touch_every(&self) -> Option<u64> {
        self.node.store.room_ttl().map(|ttl| (ttl / 3).min(TOUCH_EVERY).as_secs().max(1))
    }

    fn touch(&self, room: RoomName) {
        let (node, calls) = (Arc::clone(&self.node), Arc::clone(&self.calls));
        spawn_eager(async move {
            let now = node.clock.now();
            drop(calls.read(StoreCall::Touch, &room, || node.store.touch(&room, now)).await);
        });
    }
}

impl Receiver {
    /// Receives until the bus ends.
    pub(super) async fn run(self, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(news) = incoming.recv().await {
            match news {
                Incoming::Message(room, message) => self.receive(&room, message),
                Incoming::Reconnected => {
                    self.resync_all.start();
                    self.revocations.look_again();
                }
            }
        }
    }

    fn receive(&self, name: &RoomName, message: BusMessage) {
        match message {
            BusMessage::Event(event) => {
                if let Some(room) = self.rooms.get(name) {
                    self.events.apply(&room, vec![event]);
                }
            }
            BusMessage::RoomRemoved => self.removal.forget(name),
            BusMessage::Heartbeat(heartbeat) => {
                self.same_players.compare(name, &heartbeat);
                self.heartbeats.receive(name, heartbeat);
            }
            BusMessage::WhoIsHere => self.heartbeats.answer(name),
            BusMessage::Kick { player } => drop(self.kicks.end(name, &player)),
            BusMessage::Connected { player, connection, age_ms } => {
                self.same_players.receive(name, &player, connection, Duration::from_millis(age_ms));
            }
            BusMessage::Disconnect(connection) => self.same_players.disconnect(name, connection),
            BusMessage::Revoked(revocation) => self.revocations.learn([revocation]),
            BusMessage::Webhook(news) => self.outbox.heard(news),
        }
    }
}
