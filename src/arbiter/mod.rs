//! The rules: who gets the asset, in which order everyone hears of it, and what becomes of a lost reply.
//! No sockets, no drivers.

mod config;
mod refusal;

mod baseline;
mod batch;
mod commands;
mod join;
mod look;
mod member;
mod select;
mod task;
mod verdicts;

mod frozen;
mod log;
mod parts;
mod presence;
mod room;
mod roster;
mod snapshot;
mod sold_out;
mod view;

mod heartbeat;
mod mailbox;
mod queue;
mod readiness;
mod reconstruct;
mod regression;
mod repair;
mod resync;
mod resync_all;
mod retry;
mod shutdown;
mod upkeep;
mod vital;

mod clock;
mod meters;
mod registry;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

pub use config::Config;
pub use join::{Join, Resume};
pub use look::{AssetsJson, Outdated, RoomJson, RoomState};
pub use mailbox::Mailbox;
pub use member::{Member, Ready};
pub use refusal::{JoinError, Refusal, Scope};
pub use vital::Vital;

use crate::{
    bus::Bus,
    model::{ErrorCode, RoomName, limits::RESYNCS_AT_ONCE},
    store::{Call, NodeId, Store},
};

/// Decides for every room of this node.
pub struct Arbiter {
    config: Config,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    node: NodeId,
    /// Rises with every changing call, hence also for each asset.
    seq: AtomicU64,
    /// Rises with every heartbeat.
    heartbeats: AtomicU64,
    /// The other nodes are not told any more who is here.
    leaving: AtomicBool,
    next_member: AtomicU64,
    rooms: Arc<registry::Registry>,
    frozen: Arc<frozen::FrozenRooms>,
    /// Turns to compare a room with the store.
    resyncs: Semaphore,
    /// How far the comparison of all rooms with the store is.
    resync_all: Mutex<resync_all::Progress>,
    clock: Arc<clock::Clock>,
    /// The one source of randomness (ids, jitter), so that a run can be replayed.
    random: Mutex<fastrand::Rng>,
    meters: meters::Meters,
    readiness: readiness::Readiness,
    /// Those of the store that are under way.
    calls: shutdown::Calls,
    vital: Arc<vital::Vital>,
}

impl Arbiter {
    /// An arbiter over a store and a bus, with its upkeep running on the current runtime until the last
    /// handle is dropped. `seed` decides ids and jitter. Metrics are registered with the current recorder.
    #[must_use]
    pub fn start(config: Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, seed: u64) -> Arc<Self> {
        let mut random = fastrand::Rng::with_seed(seed);
        let clock = Arc::new(clock::Clock::start());
        let frozen = Arc::<frozen::FrozenRooms>::default();
        let arbiter = Arc::new(Self {
            node: NodeId(random.u64(..)),
            seq: AtomicU64::new(0),
            heartbeats: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
            next_member: AtomicU64::new(0),
            rooms: registry::Registry::new(Arc::clone(&clock), Arc::clone(&bus), Arc::clone(&frozen)),
            frozen,
            resyncs: Semaphore::new(RESYNCS_AT_ONCE),
            resync_all: Mutex::default(),
            clock,
            random: Mutex::new(random),
            meters: meters::Meters::new(),
            readiness: readiness::Readiness::new(),
            calls: shutdown::Calls::default(),
            vital: Arc::default(),
            config,
            store,
            bus,
        });
        arbiter.start_upkeep();
        arbiter
    }

    /// Whether players may be sent here: the store took a change once, and does not refuse them now. A store that is away
    /// after that leaves it as it is, since a node that is taken out for what all nodes have helps nobody.
    ///
    /// # Errors
    /// What is waited for: the store's first answer, or that it takes changes again; in its own words.
    pub fn ready(&self) -> Result<(), String> {
        self.store.status().map_err(|error| error.to_string())?;
        self.readiness.now()
    }

    /// Waits for the store's first answer, however long that takes.
    ///
    /// # Errors
    /// Why it will never come: somebody has to change the configuration.
    pub async fn store_reached(&self) -> Result<(), String> {
        self.readiness.reached().await
    }

    /// Whether all that must go on does; who serves this arbiter adds what else must.
    #[must_use]
    pub fn vital(&self) -> &Arc<Vital> {
        &self.vital
    }

    /// The room, active and loaded.
    ///
    /// # Errors
    /// `LimitReached`: as many rooms are active as may be; `StoreUnavailable`: it cannot be read now.
    async fn open(self: &Arc<Self>, name: &RoomName) -> Result<room::RoomHandle, Refusal> {
        let room = self.rooms.get_or_open(name, &self.config, || self.random_name()).map_err(|_| {
            let message =
                format!("this node has {} active rooms, as many as --max-rooms allows", self.config.max_rooms);
            Refusal::new(ErrorCode::LimitReached, message).about(Scope::Node)
        })?;
        room.loaded.get_or_try_init(|| self.load(&room)).await?;
        Ok(room)
    }

    fn next_call(&self) -> Call {
        Call { node: self.node, seq: self.seq.fetch_add(1, Relaxed) + 1, at: self.clock.now() }
    }

    /// Between half of a duration and one and a half.
    fn jitter(&self, around: Duration) -> Duration {
        around.mul_f64(0.5 + self.random.lock().f64())
    }

    /// 16 random letters and digits.
    fn random_name(&self) -> String {
        let mut random = self.random.lock();
        (0..16).map(|_| random.alphanumeric()).collect()
    }
}
