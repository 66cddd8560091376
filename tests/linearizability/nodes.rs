//! Several arbiters over one store, and what they tell each other on a lossy wire.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus::{Bus, BusError, BusMessage, Incoming},
    model::RoomName,
    store::Store,
};
use async_trait::async_trait;
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::sleep};

use super::plan::Plan;

/// Messages that wait for a node; more are lost.
const WAITING: usize = 1024;

/// The plan's arbiters, and the wire between them.
pub fn start(plan: &Plan, store: &Arc<dyn Store>, rng: &mut Rng) -> (Vec<Arc<Arbiter>>, Arc<Wire>) {
    let wire = Arc::new(Wire {
        ends: Mutex::default(),
        state: Mutex::new(State { rng: rng.fork(), loss: plan.loss, lateness: plan.lateness }),
    });
    let config = Config {
        select_deadline: plan.deadline,
        resync_interval: Duration::from_secs(1),
        auto_create: plan.created_by_select(),
        ..Config::default()
    };
    let node = |number| {
        let bus = Arc::new(End { number, alone: plan.nodes == 1, wire: Arc::clone(&wire) });
        Arbiter::start(config.clone(), Arc::clone(store), bus, rng.u64(..))
    };
    ((0..plan.nodes).map(node).collect(), Arc::clone(&wire))
}

/// Loses, delays and repeats messages by plan.
pub struct Wire {
    ends: Mutex<Vec<mpsc::Sender<Incoming>>>,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    loss: f64,
    lateness: Duration,
}

/// One node's end of the wire.
struct End {
    number: usize,
    alone: bool,
    wire: Arc<Wire>,
}

impl Wire {
    /// From now on nothing is lost.
    pub fn calm(&self) {
        self.state.lock().loss = 0.0;
    }

    /// How late each copy of a message comes; none: it is lost.
    fn fate(&self) -> Vec<Duration> {
        let State { rng, loss, lateness } = &mut *self.state.lock();
        let copies = if rng.f64() < *loss { 0 } else { 1 + usize::from(rng.f64() < 0.1) };
        (0..copies).map(|_| lateness.mul_f64(rng.f64())).collect()
    }
}

#[async_trait]
impl Bus for End {
    fn reaches_other_nodes(&self) -> bool {
        !self.alone
    }

    fn publish(&self, room: &RoomName, message: &BusMessage) {
        let others: Vec<_> = self.wire.ends.lock().iter().cloned().enumerate().collect();
        for (_, other) in others.into_iter().filter(|(number, _)| *number != self.number) {
            for lateness in self.wire.fate() {
                let (other, news) = (other.clone(), Incoming::Message(room.clone(), message.clone()));
                tokio::spawn(async move {
                    sleep(lateness).await;
                    // A node that is gone or does not keep up misses it.
                    drop(other.try_send(news));
                });
            }
        }
    }

    async fn subscribe(&self, _: &RoomName) -> Result<(), BusError> {
        Ok(())
    }

    fn unsubscribe(&self, _: &RoomName) {}

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.wire.ends.lock().push(sender);
        Some(receiver)
    }
}
