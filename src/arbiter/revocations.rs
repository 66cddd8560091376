//! The revoked player tokens, as this node knows them. The store keeps them; the bus tells of new ones.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
    time::Duration,
};

use parking_lot::RwLock;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, timeout},
};

use super::{meters::StoreCall, node::Node, refusal::Refusal, retry::StoreCalls};
use crate::{
    bus::BusMessage,
    model::{ErrorCode, Millis, Revocation, Revoked, RoomName, SignedToken, limits::REVOCATIONS},
};

/// A join is checked against what the store had at most that long before. Joins share a read.
const FRESH_WITHIN: Duration = Duration::from_secs(1);

/// How long a read that joins wait for may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The revoked tokens. A node knows what it heard of and what the store had when it last looked; it forgets a revocation
/// only when that has ended.
pub struct Revocations {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    known: RwLock<Known>,
    /// Rises with every new revocation.
    generation: AtomicU64,
    /// There are new revocations.
    changed: Notify,
    /// One read at a time.
    reads: Mutex<Reads>,
    /// The store may have more than this node heard of.
    missed: Notify,
}

/// When each of the revoked tokens had to be signed, at the latest, and until when that is remembered.
type Known = HashMap<Revoked, BTreeSet<(Millis, Millis)>>;

#[derive(Default)]
struct Reads {
    /// A read was answered once.
    answered: bool,
    /// When the last read began, successful or not.
    last: Option<Instant>,
}

impl Revocations {
    pub(super) fn new(node: Arc<Node>, calls: Arc<StoreCalls>) -> Self {
        let (known, reads) = (RwLock::default(), Mutex::default());
        let generation = AtomicU64::new(0);
        Self { node, calls, known, generation, changed: Notify::new(), reads, missed: Notify::new() }
    }

    /// Whether a token was revoked, as far as this node knows.
    #[must_use]
    pub fn is_revoked(&self, token: &SignedToken<'_>) -> bool {
        let known = self.known.read();
        if known.is_empty() {
            return false;
        }
        let now = self.node.clock.now();
        let of = token.names().into_iter().flatten();
        of.filter_map(|name| known.get(&name))
            .flatten()
            .any(|&(before, until)| token.issued_at < before && now < until)
    }

    /// A number that rises when revocations are added.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    /// Ready when revocations were added since the last call. For one waiter.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Everything that is revoked, in no particular order.
    #[must_use]
    pub fn list(&self) -> Vec<Revocation> {
        let now = self.node.clock.now();
        let known = self.known.read();
        let of = |(of, times): (&Revoked, &BTreeSet<_>)| {
            let of = of.clone();
            times.clone().into_iter().map(move |(issued_before, until)| Revocation {
                of: of.clone(),
                issued_before,
                until,
            })
        };
        known.iter().flat_map(of).filter(|revocation| revocation.until > now).collect()
    }

    /// Revokes tokens on all nodes. When this returns, the store has it, and this node knows it.
    ///
    /// # Errors
    /// `LimitReached`, `StoreUnavailable`, `OutcomeUnknown`.
    pub async fn revoke(&self, revocation: Revocation) -> Result<(), Refusal> {
        self.refresh().await?;
        if self.list().len() >= REVOCATIONS {
            let message =
                format!("there are {REVOCATIONS} revocations, and no more are kept; they end by and by");
            return Err(Refusal::new(ErrorCode::LimitReached, message));
        }
        let (node, all) = (&self.node, RoomName::all_rooms());
        let write = || node.store.revoke(&revocation, node.clock.now());
        self.calls.call_with_retry(StoreCall::Revoke, &all, node.deadline(Instant::now()), write).await?;
        self.learn([revocation.clone()]);
        node.bus.publish(&all, &BusMessage::Revoked(revocation));
        Ok(())
    }

    /// Another node revoked tokens, or the store has these.
    pub(super) fn learn(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let now = self.node.clock.now();
        let mut any = false;
        let mut known = self.known.write();
        for Revocation { of, issued_before, until } in revocations {
            if until > now {
                any |= known.entry(of).or_default().insert((issued_before, until));
            }
        }
        if !any {
            return;
        }
        known.retain(|_, times| {
            times.retain(|(_, until)| *until > now);
            !times.is_empty()
        });
        drop(known);
        self.generation.fetch_add(1, Release);
        self.changed.notify_one();
    }

    /// Messages of other nodes may be missing.
    pub(super) fn look_again(&self) {
        self.missed.notify_one();
    }

    /// Makes sure that this node knows what the store had a second ago. If the store does not answer, what the node knows
    /// must do.
    ///
    /// # Errors
    /// `StoreUnavailable`: this node has never read the store's revocations.
    pub async fn refresh(&self) -> Result<(), Refusal> {
        self.read_within(FRESH_WITHIN).await
    }

    /// Reads the store's revocations, unless a read began within `fresh` before now.
    async fn read_within(&self, fresh: Duration) -> Result<(), Refusal> {
        let asked = Instant::now();
        let mut reads = self.reads.lock().await;
        let is_done = reads.answered && !self.node.store.shared();
        if !is_done && reads.last.is_none_or(|last| last + fresh < asked) {
            reads.last = Some(Instant::now());
            let read = || self.node.store.revocations(self.node.clock.now());
            let all = RoomName::all_rooms();
            let answer = self.calls.read_within(StoreCall::Revocations, &all, PATIENCE, read).await;
            reads.answered |= answer.is_ok();
            self.learn(answer.unwrap_or_default());
        }
        if reads.answered { Ok(()) } else { Err(Refusal::store_unavailable()) }
    }

    /// Follows the revocations of other nodes. Runs until dropped.
    pub async fn follow(self: Arc<Self>) {
        if let Err(error) = self.node.bus.subscribe(&RoomName::all_rooms()).await {
            tracing::warn!(%error, "cannot subscribe to revocations; the store is asked until the bus is back");
        }
        loop {
            // A read before the last message was missed may not have it. If this one fails, the next look or a join tries
            // again.
            let _ = self.read_within(Duration::ZERO).await;
            let pause = self.node.jitter(self.node.config.resync_interval);
            let _ = timeout(pause, self.missed.notified()).await;
        }
    }
}
