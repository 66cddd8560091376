use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::model::{PlayerName, RoomName};

use super::{limits::OPENING, node::Node, plan::Plan, round::Round};

/// The state shared by all bots of a run.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) room: RoomName,
    pub(super) nodes: Vec<Node>,
    pub(super) plan: Plan,
    /// Limits the connections being opened concurrently.
    pub(super) opening: Semaphore,
    pub(super) tally: Tally,
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

/// Event counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Bots that received a welcome.
    pub(super) joined: AtomicUsize,
    /// Welcomes after a bot's first one.
    pub(super) reconnects: AtomicU64,
    /// Reconnects that resumed from the log.
    pub(super) recovered: AtomicU64,
    /// Snapshots received after a welcome.
    pub(super) snapshots: AtomicU64,
    /// Connections cut on purpose.
    pub(super) cuts: AtomicU64,
    /// All other errors, by kind.
    pub(super) errors: Mutex<BTreeMap<String, u64>>,
    /// Bots that gave up, and why.
    pub(super) gone: Mutex<Vec<(PlayerName, String)>>,
}

impl Shared {
    pub(super) fn new(room: RoomName, nodes: Vec<Node>, plan: Plan) -> Self {
        Self { room, nodes, plan, opening: Semaphore::new(OPENING), tally: Tally::default() }
    }
}

impl Tally {
    pub(super) fn error(&self, kind: &str) {
        let mut errors = self.errors.lock();
        match errors.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                errors.insert(kind.to_owned(), 1);
            }
        }
    }

    pub(super) fn snapshot(&self) {
        self.snapshots.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn welcomed(&self, first: bool, recovered: bool) {
        if first {
            self.joined.fetch_add(1, Ordering::Relaxed);
        } else {
            self.reconnects.fetch_add(1, Ordering::Relaxed);
            self.recovered.fetch_add(u64::from(recovered), Ordering::Relaxed);
        }
    }
}
