//! What happens by itself: rooms nobody uses go, counts are told, shared stores are compared, the bus is heard.

use std::{
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::{
    Arbiter,
    meters::StoreCall,
    readiness::probe,
    room::{Room, RoomHandle},
    task::spawn_eager,
};
use crate::{
    bus::{BusMessage, Incoming},
    model::RoomName,
};

/// How often rooms are looked at: large rooms are told their count at most once a second.
const TICK: Duration = Duration::from_secs(1);

/// A store whose rooms expire is told that often, or three times as often as they do, which are in use.
const KEEP_EVERY: Duration = Duration::from_secs(60);

impl Arbiter {
    pub(super) fn start_upkeep(self: &Arc<Self>) {
        if self.store.shared() && !self.bus.reaches_other_nodes() {
            let within = self.config.resync_interval;
            tracing::warn!(
                ?within,
                "the bus reaches no other node: what others change in this store is seen by and by"
            );
        }
        run(probe(Arc::downgrade(self), self.readiness.doubts()));
        tokio::spawn(self.vital.guard("the arbiter's upkeep", tick(Arc::downgrade(self))));
        if let Some(incoming) = self.bus.incoming() {
            let listen = listen(Arc::downgrade(self), incoming);
            tokio::spawn(self.vital.guard("the arbiter's ear on the bus", listen));
        }
    }

    /// Looks after every room, a few at a time.
    async fn tick(self: &Arc<Self>, ticks: u64) {
        let linger = self.config.room_linger.as_millis() as u64;
        let keep_every = self.keep_every();
        self.each_room(|slot, room| {
            self.look_after_presence(room);
            // What nobody reads is dropped outside the lock.
            drop(room.with(|state| state.view.rest()));
            if !room.is_used() && room.is_empty() {
                // What was to be told before it goes is told.
                self.rooms.note_idle(room);
            }
            if let Some(room) = self.rooms.get_with_members(&room.name) {
                self.compare_in_time(room);
            }
            // In turn, so that not all of them ask the store at once.
            if keep_every.is_some_and(|every| (ticks + slot as u64).is_multiple_of(every)) {
                spawn_eager(Arc::clone(self).touch(room.name.clone()));
            }
        })
        .await;
        while self.rooms.expire(linger) {
            tokio::task::yield_now().await;
        }
        self.meters.rooms.set(self.rooms.len() as f64);
    }

    /// Calls `look` for every active room with its slot. Others get their turn in between, however many rooms there are.
    pub(super) async fn each_room(&self, mut look: impl FnMut(usize, &Arc<Room>)) {
        let (mut next, mut rooms) = (Some(0), Vec::new());
        while let Some(from) = next {
            next = self.rooms.slice(from, &mut rooms);
            rooms.drain(..).filter(|(_, room)| !room.is_gone()).for_each(|(slot, room)| look(slot, &room));
            if next.is_some() {
                tokio::task::yield_now().await;
            }
        }
    }

    fn compare_in_time(self: &Arc<Self>, room: RoomHandle) {
        let may_be_behind = self.store.shared() || room.doubts.load(Relaxed) > 0;
        if may_be_behind && self.resync_due(&room) {
            spawn_eager(Arc::clone(self).resync(room.clone()));
        }
    }

    /// After how many ticks the store is to hear again that a room is in use, if it is to; one whose view lingers still is.
    fn keep_every(&self) -> Option<u64> {
        self.store.room_ttl().map(|ttl| (ttl / 3).min(KEEP_EVERY).as_secs().max(1))
    }

    async fn touch(self: Arc<Self>, room: RoomName) {
        let now = self.clock.now();
        drop(self.read(StoreCall::Touch, &room, || self.store.touch(&room, now)).await);
    }

    /// Takes what another node told.
    pub(super) fn receive(self: &Arc<Self>, name: &RoomName, message: BusMessage) {
        match message {
            BusMessage::Event(event) => {
                if let Some(room) = self.rooms.get(name) {
                    self.apply(&room, vec![event]);
                }
            }
            BusMessage::RoomRemoved => {
                self.forget_room(name);
            }
            BusMessage::Heartbeat(heartbeat) => self.hear_who_is_elsewhere(name, heartbeat),
            BusMessage::WhoIsHere => self.answer_who_is_here(name),
        }
    }
}

async fn tick(arbiter: Weak<Arbiter>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for ticks in 0_u64.. {
        interval.tick().await;
        let Some(arbiter) = arbiter.upgrade() else { return };
        arbiter.tick(ticks).await;
    }
}

async fn listen(arbiter: Weak<Arbiter>, mut incoming: mpsc::Receiver<Incoming>) {
    while let Some(news) = incoming.recv().await {
        let Some(arbiter) = arbiter.upgrade() else { return };
        match news {
            Incoming::Message(room, message) => arbiter.receive(&room, message),
            Incoming::Reconnected => arbiter.resync_all(),
        }
    }
}
