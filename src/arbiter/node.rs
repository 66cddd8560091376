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

/// What every part of the arbiter shares.
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<Clock>,
    pub(super) meters: Meters,
    /// Rises with every changing call, hence also for each asset.
    seq: AtomicU64,
    /// The one source of randomness (ids, jitter), so that a run can be replayed.
    random: Mutex<Rng>,
}

impl Node {
    /// `seed` decides ids and jitter. Metrics are registered with the current recorder.
    pub(super) fn new(config: Config, store: Arc<dyn Store>, bus: Arc<dyn Bus>, seed: u64) -> Arc<Self> {
        let mut random = Rng::with_seed(seed);
        Arc::new(Self {
            id: NodeId(random.u64(..)),
            config,
            store,
            bus,
            clock: Arc::new(Clock::start()),
            meters: Meters::new(),
            seq: AtomicU64::new(0),
            random: Mutex::new(random),
        })
    }

    /// A changing call with the next sequence number.
    pub(super) fn next_call(&self) -> Call {
        Call { node: self.id, seq: self.seq.fetch_add(1, Relaxed) + 1, at: self.clock.now() }
    }

    /// When a request made at `since` must be answered.
    pub(super) fn deadline(&self, since: Instant) -> Instant {
        since + self.config.select_deadline
    }

    /// Between half of a duration and one and a half.
    pub(super) fn jitter(&self, around: Duration) -> Duration {
        jittered(around, self.random.lock().f64())
    }

    /// 16 random letters and digits.
    pub(super) fn random_name(&self) -> String {
        let mut random = self.random.lock();
        (0..16).map(|_| random.alphanumeric()).collect()
    }
}
