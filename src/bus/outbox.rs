//! The outgoing queue, shared by all buses: envelopes to publish, and rooms to subscribe to or unsubscribe
//! from.

#[cfg(feature = "redis")]
mod sharded;
mod waiting;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    time::Duration,
};

use metrics::{Counter, counter};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use self::waiting::Waiting;
use super::{BusError, BusMessage, Incoming, envelope::SenderId, inbox::Inbox};
use crate::model::RoomName;

/// How long a caller waits for the confirmation of a subscription.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(1);

/// Decouples a bus's callers, who never wait, from the connections to its servers.
pub(super) struct Outbox {
    bus: &'static str,
    state: Mutex<State>,
    bell: watch::Sender<()>,
    sender_id: SenderId,
    inbox: Inbox,
    published: Counter,
    dropped: Counter,
}

#[derive(Default)]
struct State {
    envelopes: Waiting,
    /// The wanted rooms, each with the callers waiting for the confirmation of the subscription.
    rooms: HashMap<RoomName, Vec<oneshot::Sender<Result<(), BusError>>>>,
    /// The rooms requested from a server on the current connection.
    asked: HashSet<RoomName>,
    /// Rooms whose subscription must be sent to a server. Never more than are wanted or requested, however long
    /// the server is unreachable.
    unsettled: BTreeSet<(u16, RoomName)>,
}

/// An outgoing message.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) room: RoomName,
    /// The slot of the room, where rooms are sharded over servers.
    pub(super) slot: u16,
    pub(super) text: Vec<u8>,
}

/// The next things to send.
pub(super) struct Work {
    /// Each room, with whether it is wanted.
    pub(super) rooms: Vec<(RoomName, bool)>,
    pub(super) envelopes: Vec<Envelope>,
}

impl Outbox {
    /// Creates an outbox whose metrics are registered with the current recorder.
    pub(super) fn new(bus: &'static str) -> Self {
        Self {
            bus,
            state: Mutex::default(),
            bell: watch::Sender::default(),
            sender_id: SenderId::random(),
            inbox: Inbox::new(),
            published: counter!("asset_arbiter_bus_published_total"),
            dropped: counter!("asset_arbiter_bus_dropped_total", "direction" => "out"),
        }
    }

    /// Notified when there is something to send.
    pub(super) fn bell(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    pub(super) fn publish(&self, room: &RoomName, slot: u16, message: &BusMessage) {
        let Some(text) = self.sender_id.write(message) else { return self.lost(1) };
        let dropped = self.state.lock().envelopes.push(Envelope { room: room.clone(), slot, text });
        self.lost(dropped);
        self.ring();
    }

    /// Subscribes to a room. Waits briefly for the confirmation if the server is `reached`.
    pub(super) async fn subscribe(
        &self,
        room: &RoomName,
        slot: u16,
        reached: impl Future<Output = Result<(), BusError>>,
    ) -> Result<(), BusError> {
        let confirmation = self.want(room, slot);
        let subscribed = async {
            reached.await?;
            confirmation.await.unwrap_or_else(|_| Err(BusError::new(self.bus, "the room was left meanwhile")))
        };
        let late = || Err(BusError::new(self.bus, format!("no answer within {SUBSCRIBE_WITHIN:?}")));
        timeout(SUBSCRIBE_WITHIN, subscribed).await.unwrap_or_else(|_| late())
    }

    /// Marks a room as wanted. The receiver resolves when the room is subscribed to.
    fn want(&self, room: &RoomName, slot: u16) -> oneshot::Receiver<Result<(), BusError>> {
        let (answer, answered) = oneshot::channel();
        let mut state = self.state.lock();
        let waiting = state.rooms.entry(room.clone()).or_default();
        waiting.retain(|one| !one.is_closed());
        waiting.push(answer);
        state.unsettled.insert((slot, room.clone()));
        drop(state);
        self.ring();
        answered
    }

    /// Marks a room as not wanted any more.
    pub(super) fn unwant(&self, room: &RoomName, slot: u16) {
        let mut state = self.state.lock();
        state.rooms.remove(room);
        if state.asked.contains(room) {
            state.unsettled.insert((slot, room.clone()));
        } else {
            state.unsettled.remove(&(slot, room.clone()));
        }
        drop(state);
        self.ring();
    }

    /// Takes up to `most` rooms and envelopes of the selected slots, in order.
    pub(super) fn work(&self, mine: impl Fn(u16) -> bool, most: usize) -> Work {
        let mut state = self.state.lock();
        let State { envelopes, rooms, asked, unsettled } = &mut *state;
        let due: Vec<_> = unsettled.iter().filter(|(slot, _)| mine(*slot)).take(most).cloned().collect();
        let settle = |due: (u16, RoomName)| {
            unsettled.remove(&due);
            let (_, room) = due;
            let wanted = rooms.contains_key(&room);
            if wanted {
                asked.insert(room.clone())
            } else {
                asked.remove(&room)
            };
            (room, wanted)
        };
        Work {
            rooms: due.into_iter().map(settle).collect(),
            envelopes: envelopes.take(|it| mine(it.slot), most),
        }
    }

    /// Confirms a subscription to the waiting callers. Returns true if none waits any more: then messages
    /// published meanwhile are missing.
    #[must_use]
    pub(super) fn subscribed(&self, room: &RoomName) -> bool {
        let waiting = self.state.lock().rooms.get_mut(room).map(std::mem::take);
        let sent = waiting.map(|waiting| waiting.into_iter().filter_map(|one| one.send(Ok(())).ok()).count());
        sent == Some(0)
    }

    /// Counts envelopes that the bus accepted.
    pub(super) fn sent(&self, envelopes: usize) {
        self.published.increment(envelopes as u64);
    }

    /// Counts envelopes that did not arrive, or may not have.
    pub(super) fn lost(&self, envelopes: usize) {
        self.dropped.increment(envelopes as u64);
    }

    /// Takes in an envelope from another node or from this one.
    pub(super) fn hear(&self, room: RoomName, envelope: &[u8]) {
        self.inbox.take(&self.sender_id, room, envelope);
    }

    /// Reports that messages may be missing.
    pub(super) fn missed(&self) {
        self.inbox.missed();
    }

    pub(super) fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        self.inbox.receiver()
    }

    fn ring(&self) {
        self.bell.send_replace(());
    }
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.envelopes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{waiting::WAITING_ENVELOPES, *};

    pub(super) fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    pub(super) fn slot(room: &RoomName) -> u16 {
        u16::from(room.as_str().as_bytes()[0])
    }

    fn publish(outbox: &Outbox, name: &str) {
        let room = room(name);
        outbox.publish(&room, slot(&room), &BusMessage::RoomRemoved);
    }

    fn names(envelopes: &[Envelope]) -> Vec<&str> {
        envelopes.iter().map(|envelope| envelope.room.as_str()).collect()
    }

    #[tokio::test]
    async fn a_full_outbox_drops_the_oldest() {
        let outbox = Outbox::new("test");
        (0..WAITING_ENVELOPES + 3).for_each(|n| publish(&outbox, &format!("r{n}")));
        let Work { envelopes, .. } = outbox.work(|_| true, 2);
        assert_eq!(names(&envelopes), ["r3", "r4"]);
    }

    #[tokio::test]
    async fn every_server_gets_its_own_in_order() {
        let outbox = Outbox::new("test");
        ["a1", "b1", "a2", "b2", "a3"].into_iter().for_each(|name| publish(&outbox, name));
        let of = |first: u8, most| outbox.work(|slot| slot == u16::from(first), most).envelopes;
        assert_eq!(names(&of(b'a', 2)), ["a1", "a2"]);
        assert_eq!(names(&of(b'b', 9)), ["b1", "b2"]);
        assert_eq!(names(&of(b'a', 9)), ["a3"]);
        assert!(outbox.work(|_| true, 9).is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_told_and_a_late_subscription_is_noticed() {
        let outbox = Outbox::new("test");
        let arena = room("arena");
        let waiting = outbox.want(&arena, 0);
        assert!(!outbox.subscribed(&arena));
        assert!(waiting.await.unwrap().is_ok());
        assert!(outbox.subscribed(&arena), "nobody waits");
        outbox.unwant(&arena, 0);
        assert!(!outbox.subscribed(&arena), "nobody wants it");
    }
}
