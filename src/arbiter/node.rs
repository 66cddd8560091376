use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{clock::Clock, config::Config, meters::Meters};
use crate::{
    bus::Bus,
    model::jittered,
    store::{Call, NodeId, Store},
};

/// The state shared by all parts of the arbiter.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<Clock>,
    pub(super) meters: Meters,
    /// The sequence number of the last changing call; it rises across all assets.
    seq: AtomicU64,
    /// The only source of randomness (ids, jitter), so that a run can be replayed.
    random: Mutex<Rng>,
}

impl Node {
    /// `seed` determines ids and jitter. Metrics are registered with the current recorder.
    pub(super) fn new(config: Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, seed: u64) -> Arc<Self> {
        let mut random = Rng::with_seed(seed);
        Arc::new(Self {
            id: NodeId(random.u64(..)),
            clock: Arc::new(Clock::start_at(config.clock_starts_at)),
            config,
            store,
            bus,
            meters: Meters::new(),
            seq: AtomicU64::new(0),
            random: Mutex::new(random),
        })
    }

    /// Returns a changing call at `now` with the next sequence number.
    pub(super) fn next_call(&self, now: Instant) -> Call {
        Call { node: self.id, seq: self.seq.fetch_add(1, Relaxed) + 1, at: self.clock.at(now), by: None }
    }

    /// The deadline of a request made at `since`.
    pub(super) fn deadline(&self, since: Instant) -> Instant {
        since + self.config.select_deadline
    }

    /// A random duration between 0.5 and 1.5 times `around`.
    pub(super) fn jitter(&self, around: Duration) -> Duration {
        jittered(around, self.random.lock().f64())
    }

    pub(super) fn random_number(&self) -> u64 {
        self.random.lock().u64(..)
    }

    /// 16 random letters and digits.
    pub(super) fn random_name(&self) -> String {
        let mut random = self.random.lock();
        (0..16).map(|_| random.alphanumeric()).collect()
    }
}
