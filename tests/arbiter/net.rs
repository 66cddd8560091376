use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus::{Bus, BusError, BusMessage, Incoming},
    model::{DisplayNames, PlayerName, RoomName},
    store::MemoryStore,
};
use async_trait::async_trait;
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::sleep};

use super::world::{Client, arena};

/// Several nodes over one store, and a bus between them that can go wrong.
pub(crate) struct Net {
    store: Arc<MemoryStore>,
    state: Arc<Mutex<State>>,
}

struct State {
    ends: Vec<mpsc::Sender<Incoming>>,
    rng: Rng,
    faults: BusFaults,
    /// Nodes that neither hear nor are heard.
    cut: Vec<usize>,
    /// Everything that was said, by whom.
    said: Vec<(usize, BusMessage)>,
    /// Heartbeats that are still to be lost, of whom.
    to_lose: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BusFaults {
    pub(crate) loss: f64,
    pub(crate) repeats: f64,
    pub(crate) lateness: Duration,
}

/// One node.
pub(crate) struct Node {
    pub(crate) arbiter: Arc<Arbiter>,
    pub(crate) number: usize,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            ends: Vec::new(),
            rng: Rng::with_seed(seed),
            faults: BusFaults::default(),
            cut: Vec::new(),
            said: Vec::new(),
            to_lose: None,
        };
        Self { store: Arc::default(), state: Arc::new(Mutex::new(state)) }
    }

    /// The truth under all of them.
    pub(crate) fn store(&self) -> &MemoryStore {
        &self.store
    }

    pub(crate) fn start(&self, config: Config) -> Node {
        let (number, seed) = {
            let mut state = self.state.lock();
            (state.ends.len(), state.rng.u64(..))
        };
        let end = Arc::new(End { number, state: Arc::clone(&self.state) });
        Node { arbiter: Arbiter::start(config, Arc::clone(&self.store) as _, end, seed), number }
    }

    pub(crate) fn set_faults(&self, faults: BusFaults) {
        self.state.lock().faults = faults;
    }

    /// As when it is killed, or its network is.
    pub(crate) fn cut(&self, node: &Node) {
        self.state.lock().cut.push(node.number);
    }

    /// Loses the next message of a node, and waits until that happened.
    pub(crate) async fn lose_next(&self, node: &Node) {
        self.state.lock().to_lose = Some(node.number);
        while self.state.lock().to_lose.is_some() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What a node said last.
    pub(crate) fn last_of(&self, node: &Node) -> BusMessage {
        let state = self.state.lock();
        let last = state.said.iter().rfind(|(by, _)| *by == node.number);
        last.expect("it said something").1.clone()
    }

    /// How much was said since the last look.
    pub(crate) fn said(&self) -> usize {
        std::mem::take(&mut self.state.lock().said).len()
    }

    /// Tells one node something, whatever the faults.
    pub(crate) async fn deliver(&self, to: &Node, message: BusMessage) {
        let end = self.state.lock().ends[to.number].clone();
        end.send(Incoming::Message(arena(), message)).await.expect("the arbiter lives");
    }
}

impl Node {
    pub(crate) async fn join(&self, player: &str) -> Client {
        Client::join(&self.arbiter, Some(player), None).await.expect("joined")
    }

    pub(crate) async fn join_as(&self, player: &str, display_name: &str) -> Client {
        Client::join_as(&self.arbiter, player, display_name).await
    }

    pub(crate) async fn observe(&self) -> Client {
        Client::join(&self.arbiter, None, None).await.expect("joined")
    }

    /// How many are in the room and who, as this node knows.
    pub(crate) async fn present(&self) -> (usize, Vec<PlayerName>) {
        let room = self.arbiter.room(&arena()).await.expect("it is active");
        (room.players, room.present)
    }

    /// How they are shown.
    pub(crate) async fn names(&self) -> DisplayNames {
        self.arbiter.room(&arena()).await.expect("it is active").names
    }
}

/// A node's end of the bus.
struct End {
    number: usize,
    state: Arc<Mutex<State>>,
}

#[async_trait]
impl Bus for End {
    fn reaches_other_nodes(&self) -> bool {
        true
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        let mut state = self.state.lock();
        let State { ends, rng, faults, cut, said, to_lose } = &mut *state;
        said.push((self.number, message.clone()));
        if cut.contains(&self.number) || to_lose.take_if(|node| *node == self.number).is_some() {
            return;
        }
        for (number, end) in ends.iter().enumerate() {
            if number == self.number || cut.contains(&number) || rng.f64() < faults.loss {
                continue;
            }
            for _ in 0..=usize::from(rng.f64() < faults.repeats) {
                let late = faults.lateness.mul_f64(rng.f64());
                let (end, news) = (end.clone(), Incoming::Message(room.clone(), message.clone()));
                tokio::spawn(async move {
                    sleep(late).await;
                    // A node that is gone hears nothing.
                    let _ = end.send(news).await;
                });
            }
        }
    }

    async fn subscribe(&self, _: &RoomName) -> Result<(), BusError> {
        Ok(())
    }

    fn unsubscribe(&self, _: &RoomName) {}

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let (sender, receiver) = mpsc::channel(1024);
        self.state.lock().ends.push(sender);
        Some(receiver)
    }
}
