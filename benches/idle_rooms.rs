//! A hundred thousand idle rooms, each with one member or only lingering. Measures how long other tasks are blocked
//! during upkeep, during resyncs after a bus outage, and during the farewell at shutdown.
//!
//! `cargo bench --bench idle_rooms [-- ROOMS]`

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use asset_arbiter::{
    arbiter::{Arbiter, Config, Join, Member},
    bus::{Bus, BusError, BusMessage, Incoming},
    model::RoomName,
    store::{
        MemoryStore,
        faulty::{Faults, Faulty},
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::mpsc,
    time::sleep,
};

const ROOMS: usize = 100_000;

/// A bus without other nodes.
#[derive(Default)]
struct Quiet(Mutex<Option<mpsc::Sender<Incoming>>>);

#[async_trait]
impl Bus for Quiet {
    fn reaches_other_nodes(&self) -> bool {
        true
    }

    fn publish(&self, _: &RoomName, _: &BusMessage) {}

    async fn subscribe(&self, _: &RoomName) -> Result<(), BusError> {
        Ok(())
    }

    fn unsubscribe(&self, _: &RoomName) {}

    fn incoming(&self) -> Option<mpsc::Receiver<Incoming>> {
        let (sender, receiver) = mpsc::channel(16);
        *self.0.lock() = Some(sender);
        Some(receiver)
    }
}

/// A node with a shared store.
struct Node {
    arbiter: Arc<Arbiter>,
    bus: Arc<Quiet>,
}

impl Node {
    fn start() -> Self {
        let config = Config {
            max_rooms: usize::MAX,
            room_linger: Duration::from_secs(20),
            auto_create: Some(1),
            ..Config::default()
        };
        let store = Arc::new(Faulty::new(Arc::new(MemoryStore::new(None)), 1, Faults::default()).as_shared());
        let bus = Arc::<Quiet>::default();
        Self { arbiter: Arbiter::start(config, store, bus.clone(), 1), bus }
    }

    async fn join(&self, n: usize) -> Member {
        let player = Some("ann".parse().unwrap());
        let join = Join {
            room: room(n),
            player,
            display_name: None,
            resume: None,
            session: "s".into(),
            ping_interval_ms: 1,
            token_ttl_ms: None,
        };
        self.arbiter.join(join).await.unwrap()
    }
}

fn room(n: usize) -> RoomName {
    format!("room-{n}").parse().unwrap()
}

fn main() {
    let rooms = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(ROOMS);
    let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
    println!(
        "{rooms} rooms, {build}. The longest time for which nobody else got a turn, and the processor time of the"
    );
    println!("thread in one such time, which leaves out what other programs took:\n");
    for (name, mut runtime) in [("one thread", Builder::new_current_thread()), ("two threads", two_threads())] {
        runtime.enable_all().build().unwrap().block_on(measure(name, rooms));
    }
}

fn two_threads() -> Builder {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2);
    runtime
}

async fn measure(name: &str, rooms: usize) {
    // Runs in a task of its own, so that it shares the workers with all others.
    let node = Node::start();
    let mut members = Vec::with_capacity(rooms);
    for n in 0..rooms {
        members.push(node.join(n).await);
    }
    watch(name, "each has a member", sleep(Duration::from_secs(5))).await;
    let sender = node.bus.0.lock().clone().unwrap();
    let reconnects = async {
        sender.send(Incoming::Reconnected).await.unwrap();
        sleep(Duration::from_secs(5)).await;
    };
    watch(name, "the bus came back", reconnects).await;
    let ann = "ann".parse().unwrap();
    for n in 0..rooms {
        node.arbiter.select(&room(n), &"sword".parse().unwrap(), &ann).await;
    }
    let leave = async {
        for member in members {
            drop(member);
            tokio::task::consume_budget().await;
        }
    };
    watch(name, "all leave", leave).await;
    watch(name, "all linger, and go", sleep(Duration::from_secs(25))).await;
    watch(name, "the node goes", node.arbiter.farewell()).await;
}

async fn watch(name: &str, what: &str, work: impl Future<Output = ()>) {
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let watch = tokio::spawn(async move {
        let (mut longest, mut busiest) = (Duration::ZERO, Duration::ZERO);
        let (mut last, mut used) = (Instant::now(), processor_time());
        while !seen.load(Relaxed) {
            tokio::task::yield_now().await;
            let (now, using) = (Instant::now(), processor_time());
            longest = longest.max(now - last);
            busiest = busiest.max(using.saturating_sub(used));
            (last, used) = (now, using);
        }
        (longest, busiest)
    });
    work.await;
    over.store(true, Relaxed);
    let (longest, busiest) = watch.await.unwrap();
    // On two threads the task moves from one to the other.
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => println!("{name:<12} {what:<20} {longest:>8.2?} {busiest:>10.2?}"),
        _ => println!("{name:<12} {what:<20} {longest:>8.2?}"),
    }
}

/// Of this thread so far.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}
