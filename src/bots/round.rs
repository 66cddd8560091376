use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::model::{AssetName, InvalidName, Units};

use super::{
    fact::Fact,
    observations::Observations,
    plan::number,
    propagation::{Mark, Propagation},
    violation::{Violation, Violations},
};

/// The state that bots share during one round.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) number: usize,
    pub(super) names: Vec<AssetName>,
    /// `bot-<slot>-`, the prefix of the round's asset names.
    prefix: String,
    /// One lock per asset, held for one map access.
    pub(super) observations: Vec<Mutex<Observations>>,
    /// Propagation delays of grants; not measured on a single node.
    pub(super) propagation: Option<Mutex<Propagation>>,
    /// Violations found during the race.
    pub(super) found: Mutex<Violations>,
    /// Bots with unfinished selects.
    busy: AtomicUsize,
    /// Answered selects, for the progress bar.
    pub(super) answered: AtomicUsize,
    started: OnceLock<Instant>,
}

/// An asset's state when the round begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Baseline {
    pub(super) revision: u64,
    pub(super) units: Units,
}

impl Round {
    pub(super) fn new(number: usize, slot: usize, names: Vec<AssetName>, nodes: usize) -> Self {
        Self {
            number,
            prefix: format!("bot-{slot}-"),
            observations: names.iter().map(|_| Mutex::default()).collect(),
            names,
            propagation: (nodes > 1).then(Mutex::default),
            found: Mutex::default(),
            busy: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            started: OnceLock::new(),
        }
    }

    /// The index of one of the round's assets.
    pub(super) fn asset(&self, name: &str) -> Option<usize> {
        number(name.strip_prefix(&self.prefix)?).filter(|index| *index < self.names.len())
    }

    /// The request id of a select of this asset, unique across rounds.
    pub(super) fn request_id(&self, asset: usize) -> u64 {
        (self.number * self.names.len() + asset) as u64
    }

    /// The asset that a reply with this request id is about.
    pub(super) fn requested(&self, request_id: u64) -> Option<usize> {
        let first = self.request_id(0);
        request_id.checked_sub(first).map(|asset| asset as usize).filter(|asset| *asset < self.names.len())
    }

    /// Starts the race and its clock.
    pub(super) fn start(&self) {
        let _ = self.started.set(Instant::now());
    }

    /// Microseconds since the start; 0 before it. An hour fits; a longer round saturates.
    pub(super) fn now_us(&self) -> u32 {
        let since = self.started.get().map_or(Duration::ZERO, Instant::elapsed);
        u32::try_from(since.as_micros()).unwrap_or(u32::MAX)
    }

    /// Records a frame that a member at `node` received. Returns true if it agrees with the frames of other members.
    pub(super) fn told(
        &self,
        node: usize,
        asset: usize,
        revision: u64,
        fact: &Fact<&str>,
    ) -> Result<bool, InvalidName> {
        let now = Mark { node, us: self.now_us() };
        let mut observations = self.observations[asset].lock();
        let agrees = observations.told(revision, fact, now)?;
        if let (Some(propagation), Fact::Granted { .. }, Some(page)) =
            (&self.propagation, fact, observations.page(revision))
            && let (Some(first), 2..) = (page.first, page.frames)
        {
            propagation.lock().record(first, now);
        }
        Ok(agrees)
    }

    /// A bot starts its selects.
    pub(super) fn enter(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// A bot has finished its selects.
    pub(super) fn exit(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Returns true if all bots have finished.
    pub(super) fn is_over(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    pub(super) fn report(&self, violation: Violation) {
        self.found.lock().push(violation);
    }
}
