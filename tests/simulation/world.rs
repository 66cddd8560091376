//! The nodes, the store under them, the wire between them, and what befalls them.

use std::{
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    bus::Bus,
    model::{Millis, RoomName},
    store::{
        Store,
        faulty::{Faults, Faulty},
    },
};
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{
    select,
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    conformance::ground,
    linearizability::{
        flawed::{Flaw, Flawed},
        wire::Wire,
    },
};

use super::{
    plan::{Incident, Kind, Made, Plan},
    planted::{Planted, Unchecked},
    recording_store::RecordingStore,
    tally::Tally,
    trace::Trace,
    witness::{Leaver, Seen, Witness},
};

/// Longer than any simulation.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What a right clock shows when the world begins.
const BEGINNING: Millis = 1_795_000_000_000;

pub struct World {
    pub plan: Plan,
    pub room: RoomName,
    pub trace: Arc<Trace>,
    pub recording: Arc<RecordingStore>,
    pub tally: Tally,
    planted: Option<Planted>,
    store: Arc<dyn Store>,
    wire: Arc<Wire>,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    faults: Faults,
    /// `None`: down.
    nodes: Vec<Option<Arc<Node>>>,
    /// How those who went down reached the store.
    fallen: Vec<Arc<Faulty>>,
    /// All that ever were.
    arbiters: Vec<Weak<Arbiter>>,
}

/// One life of a node.
pub struct Node {
    pub name: String,
    pub arbiter: Arc<Arbiter>,
    faulty: Arc<Faulty>,
    /// Its end of the wire.
    pub end: usize,
    is_down: AtomicBool,
    goes_down: Notify,
    prolongs: Arc<Notify>,
}

impl World {
    pub fn new(seed: u64, planted: Option<Planted>) -> Arc<Self> {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::new(seed, &mut rng);
        let trace = Arc::new(Trace::start());
        let recording = RecordingStore::new(Arc::clone(&trace), &plan.options, plan.skew());
        let recording = Arc::new(recording);
        if plan.made == Made::FromTemplate {
            plan.assets.iter().for_each(|(asset, units)| recording.show(asset, *units));
        }
        let store: Arc<dyn Store> = match planted.and_then(Planted::flaw_of_the_store) {
            Some(flaw) => Arc::new(Flawed::new(Arc::clone(&recording) as Arc<dyn Store>, flaw)),
            None => Arc::clone(&recording) as Arc<dyn Store>,
        };
        let world = Arc::new(Self {
            room: ground::room("arena"),
            trace,
            recording,
            tally: Tally::default(),
            planted,
            store,
            wire: Wire::new(false, rng.fork(), 0.0, plan.lateness),
            state: Mutex::new(State {
                rng,
                faults: Faults::default(),
                nodes: vec![None; plan.nodes],
                fallen: Vec::new(),
                arbiters: Vec::new(),
            }),
            plan,
        });
        (0..world.plan.nodes).for_each(|place| world.start(place));
        world
    }

    /// Randomness of its own for one who takes part.
    pub fn fork(&self) -> Rng {
        self.state.lock().rng.fork()
    }

    /// The node at a place, if it is up.
    pub fn node(&self, place: usize) -> Option<Arc<Node>> {
        self.state.lock().nodes[place].clone()
    }

    /// Every node that is up.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.state.lock().nodes.iter().flatten().cloned().collect()
    }

    /// From now on things go wrong by plan.
    pub fn storm(&self) {
        self.state.lock().faults = self.plan.faults;
        self.nodes().iter().for_each(|node| node.faulty.set_faults(self.plan.faults));
        self.wire.lose(self.plan.loss);
    }

    /// From now on nothing goes wrong, and nothing is on its way to the store any more.
    pub async fn calm(&self) {
        self.trace.say(format_args!("calm"));
        self.wire.calm();
        let faulty = {
            let mut state = self.state.lock();
            state.faults = Faults::default();
            let up = state.nodes.iter().flatten().map(|node| Arc::clone(&node.faulty));
            up.chain(state.fallen.iter().cloned()).collect::<Vec<_>>()
        };
        for faulty in faulty {
            faulty.set_faults(Faults::default());
            // What is left of a dead node may read until it has nothing left to do; that harms nobody.
            faulty.resume();
            faulty.settled().await;
        }
    }

    pub async fn befall(&self, incident: &Incident) {
        let Incident { after, lasts, kind } = *incident;
        sleep(after).await;
        self.trace.say(format_args!("{kind:?} for {lasts:?}"));
        match kind {
            Kind::Crash(place) => {
                if self.crash(place) {
                    sleep(lasts).await;
                    self.start(place);
                }
            }
            Kind::DiesProlonging(place) => {
                if let Some(node) = self.node(place) {
                    let leave = self.plan.leave().unwrap_or_default();
                    // Where nobody holds anything, nothing is prolonged.
                    let _ = timeout(leave, node.prolongs.notified()).await;
                }
                if self.crash(place) {
                    sleep(lasts).await;
                    self.start(place);
                }
            }
            Kind::Stalls(place) => keep_from_store(self.node(place), lasts, Faulty::hold).await,
            Kind::Refused(place) => keep_from_store(self.node(place), lasts, Faulty::refuse).await,
            Kind::StoreAway => keep_from_store(self.nodes(), lasts, Faulty::refuse).await,
            Kind::Silence => {
                self.wire.lose(1.0);
                sleep(lasts).await;
                self.wire.lose(self.plan.loss);
                self.wire.reconnect();
            }
            Kind::Emptied => self.recording.empty(&self.room).await,
        }
    }

    /// The nodes go for good, and with them all they listen to; gives back those that do not go.
    pub async fn end(&self) -> usize {
        for node in self.nodes() {
            self.wire.cut(node.end);
        }
        self.state.lock().nodes.clear();
        sleep(Duration::from_secs(2)).await;
        self.state.lock().arbiters.iter().filter(|arbiter| arbiter.strong_count() > 0).count()
    }

    /// Whether a node hears of any room.
    pub fn listens(&self, node: &Node) -> bool {
        self.wire.is_heard(node.end)
    }

    /// A node is gone at once: it reaches neither store nor bus any more, and its members are cut off. What it
    /// sent before still arrives. True if it was up.
    fn crash(&self, place: usize) -> bool {
        let mut state = self.state.lock();
        let Some(node) = state.nodes[place].take() else { return false };
        node.faulty.refuse();
        self.wire.cut(node.end);
        node.is_down.store(true, Relaxed);
        node.goes_down.notify_waiters();
        state.fallen.push(Arc::clone(&node.faulty));
        true
    }

    fn start(&self, place: usize) {
        let mut state = self.state.lock();
        let faulty = Arc::new(Faulty::new(Arc::clone(&self.store), state.rng.u64(..), state.faults));
        let store: Arc<dyn Store> = match self.planted {
            Some(Planted::DeniesLostReplies) => {
                Arc::new(Flawed::new(Arc::clone(&faulty) as Arc<dyn Store>, Flaw::DeniesLostReplies))
            }
            _ => Arc::clone(&faulty) as Arc<dyn Store>,
        };
        let seen = Arc::<Seen>::default();
        let makes_anew = self.planted.filter(|&it| it == Planted::MakesAnewWhatIsMissing).map(|_| 1);
        let recording = Arc::clone(&self.recording);
        let ahead = self.plan.clocks[state.arbiters.len() % self.plan.clocks.len()];
        let (zero, prolongs) = (BEGINNING.saturating_add_signed(ahead), Arc::<Notify>::default());
        let store = Arc::new(Witness {
            inner: store,
            recording,
            seen: Arc::clone(&seen),
            zero,
            prolongs: Arc::clone(&prolongs),
            makes_anew,
        });
        let end = self.wire.end();
        let (number, bus) = (end.number, end as Arc<dyn Bus>);
        let bus = match self.planted {
            Some(Planted::SkipsTheRevisionCheck) => Arc::new(Unchecked::new(bus)),
            _ => bus,
        };
        let bus = Arc::new(Leaver::new(bus, seen));
        let clock_starts_at = Some(zero + self.trace.elapsed().as_millis() as Millis);
        let config = Config { clock_starts_at, ..self.config() };
        let arbiter = Arbiter::start(config, store, bus, state.rng.u64(..));
        state.arbiters.push(Arc::downgrade(&arbiter));
        let name = format!("node {place} (life {number})");
        let (is_down, goes_down) = (AtomicBool::new(false), Notify::new());
        let node = Node { name, arbiter, faulty, end: number, is_down, goes_down, prolongs };
        state.nodes[place] = Some(Arc::new(node));
    }

    fn config(&self) -> Config {
        let config = self.plan.config();
        match self.planted {
            Some(Planted::NeverResyncs) => Config { resync_interval: NEVER, ..config },
            _ => config,
        }
    }
}

/// Those that went down meanwhile stay away.
async fn keep_from_store(nodes: impl IntoIterator<Item = Arc<Node>>, lasts: Duration, keep: fn(&Faulty)) {
    let nodes: Vec<_> = nodes.into_iter().inspect(|node| keep(&node.faulty)).collect();
    sleep(lasts).await;
    nodes.iter().filter(|node| !node.is_down()).for_each(|node| node.faulty.resume());
}

impl Node {
    pub fn is_down(&self) -> bool {
        self.is_down.load(Relaxed)
    }

    /// Does something with the node; `None` if it goes down before that is done.
    pub async fn up<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let gone = self.goes_down.notified();
        if self.is_down() {
            return None;
        }
        select! {
            biased;
            () = gone => None,
            done = work => Some(done),
        }
    }
}
