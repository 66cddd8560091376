use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::model::AssetName;

use super::{
    fact::Fact,
    observations::Observations,
    pending::Request,
    report::Found,
    timings::{Mark, Propagation},
    violation::Violation,
};

/// The state that bots share during one round.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) number: usize,
    pub(super) names: Vec<AssetName>,
    indexes: HashMap<AssetName, usize>,
    /// One lock per asset, held for one map access.
    pub(super) observations: Vec<Mutex<Observations>>,
    /// Those of [`Shared`](super::shared::Shared).
    propagation: Option<Arc<Mutex<Propagation>>>,
    /// Violations found during the race.
    pub(super) found: Mutex<Found>,
    /// Every bot with unfinished requests holds a clone.
    busy: Arc<()>,
    /// Answered selects, for the progress bar.
    pub(super) answered: AtomicUsize,
    started: OnceLock<Instant>,
}

impl Round {
    pub(super) fn new(
        number: usize,
        names: Vec<AssetName>,
        propagation: Option<Arc<Mutex<Propagation>>>,
    ) -> Self {
        Self {
            number,
            observations: names.iter().map(|_| Mutex::default()).collect(),
            indexes: names.iter().cloned().zip(0..).collect(),
            names,
            propagation,
            found: Mutex::default(),
            busy: Arc::default(),
            answered: AtomicUsize::default(),
            started: OnceLock::new(),
        }
    }

    /// The index of one of the round's assets.
    pub(super) fn asset(&self, name: &str) -> Option<usize> {
        self.indexes.get(name).copied()
    }

    /// The id of a request, unique across rounds.
    pub(super) fn request_id(&self, request: Request) -> u64 {
        let assets = self.names.len();
        let place = match request {
            Request::Select(asset) => asset,
            Request::Confirm(asset) => assets + asset,
        };
        (self.number * 2 * assets + place) as u64
    }

    /// The request that a reply with this id is about.
    pub(super) fn requested(&self, request_id: u64) -> Option<Request> {
        let assets = self.names.len();
        let first = self.request_id(Request::Select(0));
        let place = request_id.checked_sub(first).map(|place| place as usize)?;
        match place.checked_sub(assets) {
            None => Some(Request::Select(place)),
            Some(asset) => (asset < assets).then_some(Request::Confirm(asset)),
        }
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
    pub(super) fn record(&self, node: usize, asset: usize, revision: u64, fact: &Fact<&str>) -> bool {
        let now = Mark { node, us: self.now_us() };
        let mut observations = self.observations[asset].lock();
        let agrees = observations.record(revision, fact, now);
        if let (Some(propagation), Fact::Granted { .. }, Some(page)) =
            (&self.propagation, fact, observations.page(revision))
            && let (Some(first), 2..) = (page.first, page.frames)
        {
            propagation.lock().record(first, now);
        }
        agrees
    }

    /// What a bot holds until it has finished its requests.
    pub(super) fn busy(&self) -> Arc<()> {
        Arc::clone(&self.busy)
    }

    /// Returns true if all bots have finished.
    pub(super) fn is_over(&self) -> bool {
        Arc::strong_count(&self.busy) == 1
    }

    pub(super) fn report(&self, violation: Violation) {
        self.found.lock().push(violation);
    }
}
