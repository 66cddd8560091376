use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::{
    Config,
    limits::OPENING,
    node::Node,
    report::{GaveUp, Reconnects},
    round::Round,
    timings::Propagation,
};

/// The state shared by all bots of a run.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) nodes: Vec<Node>,
    pub(super) tls: Arc<ClientConfig>,
    /// Limits the connections being opened concurrently.
    pub(super) opening: Semaphore,
    pub(super) tally: Mutex<Tally>,
    /// Propagation delays of grants; not measured on a single node.
    pub(super) propagation: Option<Arc<Mutex<Propagation>>>,
}

/// What the bots do now.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// Join and listen.
    Listen,
    /// Race for this round's assets, then listen.
    Race(Arc<Round>),
    /// Close the connections.
    Leave,
}

/// Counts of rare events, most of them as the report shows them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bots that received a welcome.
    pub(super) joined: usize,
    /// Welcomes after a bot's first one, and cuts.
    pub(super) reconnects: Reconnects,
    /// How often a bot left the room for the rest of a round.
    pub(super) left: u64,
    /// Tokens that were replaced on their connection.
    pub(super) refreshes: u64,
    /// Snapshots received after a welcome.
    pub(super) snapshots: u64,
    /// All other errors, by kind.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) gave_up: Vec<GaveUp>,
}

impl Shared {
    pub(super) fn new(config: Config, nodes: Vec<Node>, tls: Arc<ClientConfig>) -> Self {
        let propagation = (nodes.len() > 1).then(Arc::default);
        Self { config, nodes, tls, opening: Semaphore::new(OPENING), tally: Mutex::default(), propagation }
    }

    /// Counts an error.
    pub(super) fn error(&self, kind: &str) {
        *self.tally.lock().errors.entry(kind.to_owned()).or_default() += 1;
    }
}
