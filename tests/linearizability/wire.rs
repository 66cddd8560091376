//! A bus in memory that loses, delays, reorders and repeats what nodes tell each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use asset_arbiter::{
    bus::{Bus, BusError, BusMessage, Incoming},
    model::RoomName,
};
use async_trait::async_trait;
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::sleep};

/// Messages that wait for a node; more are lost.
const WAITING: usize = 1024;

/// How many messages come twice.
const REPEATED: f64 = 0.1;

/// Goes wrong by one seed, in the order in which messages are sent.
pub struct Wire {
    /// Says of itself that it reaches no other node.
    alone: bool,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    loss: f64,
    lateness: Duration,
    /// By number; the first of all nodes is 0.
    ends: BTreeMap<usize, Ear>,
    next: usize,
}

/// Where a node listens, and to which rooms.
#[derive(Default)]
struct Ear {
    sender: Option<mpsc::Sender<Incoming>>,
    rooms: BTreeSet<RoomName>,
}

/// One node's end of the wire.
pub struct End {
    pub number: usize,
    wire: Arc<Wire>,
}

impl Wire {
    /// Loses so many of all messages, and lets the others be so late.
    pub fn new(alone: bool, rng: Rng, loss: f64, lateness: Duration) -> Arc<Self> {
        let state = State { rng, loss, lateness, ends: BTreeMap::new(), next: 0 };
        Arc::new(Self { alone, state: Mutex::new(state) })
    }

    /// One more end.
    pub fn end(self: &Arc<Self>) -> Arc<End> {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.ends.insert(number, Ear::default());
        Arc::new(End { number, wire: Arc::clone(self) })
    }

    /// Nothing comes from or to this end any more.
    pub fn cut(&self, number: usize) {
        self.state.lock().ends.remove(&number);
    }

    /// From now on so many of all messages are lost.
    pub fn lose(&self, loss: f64) {
        self.state.lock().loss = loss;
    }

    /// From now on nothing is lost.
    pub fn calm(&self) {
        self.lose(0.0);
    }

    /// Tells every node that messages may have been lost.
    pub fn reconnect(&self) {
        for sender in self.state.lock().ends.values().filter_map(|ear| ear.sender.as_ref()) {
            drop(sender.try_send(Incoming::Reconnected));
        }
    }

    /// Whether the node of this end listens to any room.
    pub fn is_heard(&self, number: usize) -> bool {
        self.state.lock().ends.get(&number).is_some_and(|ear| !ear.rooms.is_empty())
    }

    /// A node that was cut off hears nothing, whatever it does.
    fn with_ear<T: Default>(&self, number: usize, change: impl FnOnce(&mut Ear) -> T) -> T {
        self.state.lock().ends.get_mut(&number).map(change).unwrap_or_default()
    }
}

impl State {
    /// How late each copy of a message comes; none: it is lost.
    fn fate(&mut self) -> Vec<Duration> {
        let copies = if self.rng.f64() < self.loss { 0 } else { 1 + usize::from(self.rng.f64() < REPEATED) };
        (0..copies).map(|_| self.lateness.mul_f64(self.rng.f64())).collect()
    }
}

#[async_trait]
impl Bus for End {
    fn reaches_other_nodes(&self) -> bool {
        !self.wire.alone
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        let mut state = self.wire.state.lock();
        if !state.ends.contains_key(&self.number) {
            return;
        }
        let others =
            state.ends.iter().filter(|(number, ear)| **number != self.number && ear.rooms.contains(room));
        let others: Vec<_> = others.filter_map(|(_, ear)| ear.sender.clone()).collect();
        for other in others {
            for lateness in state.fate() {
                let (other, news) = (other.clone(), Incoming::Message(room.clone(), message.clone()));
                tokio::spawn(async move {
                    sleep(lateness).await;
                    // A node that is gone or does not keep up misses it.
                    drop(other.try_send(news));
                });
            }
        }
    }

    async fn subscribe(&self, room: &RoomName) -> Result<(), BusError> {
        self.wire.with_ear(self.number, |ear| ear.rooms.insert(room.clone()));
        Ok(())
    }

    fn unsubscribe(&self, room: &RoomName) {
        self.wire.with_ear(self.number, |ear| ear.rooms.remove(room));
    }

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.wire.with_ear(self.number, |ear| ear.sender = Some(sender));
        Some(receiver)
    }
}
