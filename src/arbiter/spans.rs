//! What is told of each select that is traced: its times in the queue and at the store. A node without a sink keeps nothing.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::meters::SelectOutcome;
use crate::{
    model::{AssetName, PlayerName, RoomName, TraceParent},
    store::{self, StoreError},
};

/// Takes the spans of selects.
pub trait SpanSink: Send + Sync {
    /// Whether a select that begins now is traced. A caller's decision counts.
    fn wants(&self, parent: Option<&TraceParent>) -> bool;

    /// Takes a select that has its reply. Does not block.
    fn select(&self, select: &SelectSpan<'_>);
}

/// A select from its message to its reply.
#[derive(Debug)]
pub struct SelectSpan<'a> {
    /// The caller's span.
    pub parent: Option<TraceParent>,
    /// The room.
    pub room: &'a RoomName,
    /// The asset.
    pub asset: &'a AssetName,
    /// The player.
    pub player: &'a PlayerName,
    /// How the select ended, as in `asset_arbiter_selects_total`.
    pub outcome: &'static str,
    /// When its message arrived.
    pub received: Instant,
    /// When it left the asset's queue; `None`: it was answered without.
    pub unqueued: Option<Instant>,
    /// The players of its batch.
    pub batch: usize,
    /// The attempts of the store calls that decided it.
    pub attempts: &'a [Attempt],
    /// When its reply was in the player's mailbox.
    pub replied: Instant,
}

/// One attempt of a store call.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// When it began.
    pub begin: Instant,
    /// When it was answered, or given up.
    pub end: Instant,
    /// Why it failed, as in `asset_arbiter_store_errors_total`.
    pub error: Option<&'static str>,
}

/// The place of [`SpanSink`] in the configuration.
#[derive(Clone, Default)]
pub struct Spans(Option<Arc<dyn SpanSink>>);

/// A select that is being traced.
pub(super) struct Trace {
    sink: Arc<dyn SpanSink>,
    room: RoomName,
    parent: Option<TraceParent>,
    unqueued: Option<Instant>,
    batch: usize,
    attempts: Vec<Attempt>,
}

/// The attempts of the calls of one batch, if any of its selects is traced.
#[derive(Default)]
pub(super) struct Attempts(Option<Mutex<Vec<Attempt>>>);

impl Spans {
    /// Hands every select that is traced to `sink`.
    #[must_use]
    pub fn to(sink: Arc<dyn SpanSink>) -> Self {
        Self(Some(sink))
    }

    /// Begins the trace of a select, if it is wanted.
    pub(super) fn begin(&self, room: &RoomName, parent: Option<TraceParent>) -> Option<Box<Trace>> {
        let sink = self.0.as_ref()?;
        sink.wants(parent.as_ref()).then(|| {
            let (sink, room) = (Arc::clone(sink), room.clone());
            Box::new(Trace { sink, room, parent, unqueued: None, batch: 0, attempts: Vec::new() })
        })
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "on" } else { "off" })
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("parent", &self.parent).finish_non_exhaustive()
    }
}

impl Trace {
    /// The select leaves the queue in a batch of so many players. The first time counts.
    pub(super) fn unqueued(&mut self, now: Instant, batch: usize) {
        if self.unqueued.is_none() {
            (self.unqueued, self.batch) = (Some(now), batch);
        }
    }

    /// Adds attempts to decide it.
    pub(super) fn attempted(&mut self, attempts: &[Attempt]) {
        self.attempts.extend_from_slice(attempts);
    }

    /// The select has its reply.
    pub(super) fn end(
        &self,
        asset: &AssetName,
        player: &PlayerName,
        outcome: SelectOutcome,
        received: Instant,
    ) {
        self.sink.select(&SelectSpan {
            parent: self.parent,
            room: &self.room,
            asset,
            player,
            outcome: outcome.label(),
            received,
            unqueued: self.unqueued,
            batch: self.batch,
            attempts: &self.attempts,
            replied: Instant::now(),
        });
    }
}

impl Attempts {
    pub(super) fn wanted(wanted: bool) -> Self {
        Self(wanted.then(Mutex::default))
    }

    /// Makes an attempt, and keeps when. One that is given up is kept, too.
    pub(super) async fn keep<T>(&self, attempt: impl Future<Output = store::Result<T>>) -> store::Result<T> {
        let Some(attempts) = &self.0 else { return attempt.await };
        let mut open = Open { attempts, begin: Instant::now(), error: Some("not_answered") };
        let answer = attempt.await;
        open.error = answer.as_ref().err().map(|error: &StoreError| error.cause().as_str());
        answer
    }

    /// What was kept.
    pub(super) fn taken(self) -> Vec<Attempt> {
        self.0.map(Mutex::into_inner).unwrap_or_default()
    }
}

/// An attempt that is not answered yet.
struct Open<'a> {
    attempts: &'a Mutex<Vec<Attempt>>,
    begin: Instant,
    error: Option<&'static str>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Self { attempts, begin, error } = self;
        attempts.lock().push(Attempt { begin: *begin, end: Instant::now(), error: *error });
    }
}
