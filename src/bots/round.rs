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

/// What the bots share during one round.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) number: usize,
    pub(super) names: Vec<AssetName>,
    /// `bot-<slot>-`: what the round's asset names begin with.
    prefix: String,
    /// One lock per asset, held for the time of a map look-up.
    pub(super) observations: Vec<Mutex<Observations>>,
    /// How grants propagation; not asked on a single node.
    pub(super) propagation: Option<Mutex<Propagation>>,
    /// What was found on the way.
    pub(super) found: Mutex<Violations>,
    /// Bots that still want something.
    busy: AtomicUsize,
    /// Selects that are answered, for the progress bar.
    pub(super) answered: AtomicUsize,
    started: OnceLock<Instant>,
}

/// An asset as it was when the round began.
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

    /// Which of the round's assets that is, if it is one.
    pub(super) fn asset(&self, name: &str) -> Option<usize> {
        number(name.strip_prefix(&self.prefix)?).filter(|index| *index < self.names.len())
    }

    /// The mark of a select of this asset, another in each round.
    pub(super) fn request_id(&self, asset: usize) -> u64 {
        (self.number * self.names.len() + asset) as u64
    }

    /// Which asset a reply with this mark is about.
    pub(super) fn requested(&self, request_id: u64) -> Option<usize> {
        let first = self.request_id(0);
        request_id.checked_sub(first).map(|asset| asset as usize).filter(|asset| *asset < self.names.len())
    }

    /// The race begins: times count from here.
    pub(super) fn start(&self) {
        let _ = self.started.set(Instant::now());
    }

    /// Since the start, in microseconds; 0 before it. An hour fits, and a longer round shows as one.
    pub(super) fn now_us(&self) -> u32 {
        let since = self.started.get().map_or(Duration::ZERO, Instant::elapsed);
        u32::try_from(since.as_micros()).unwrap_or(u32::MAX)
    }

    /// A member at `node` was told by a frame. Says whether the frame agrees with what others were told.
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

    /// One more bot takes part.
    pub(super) fn enter(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// A bot wants nothing more.
    pub(super) fn exit(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether no bot wants anything more.
    pub(super) fn is_over(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    pub(super) fn report(&self, violation: Violation) {
        self.found.lock().push(violation);
    }
}
