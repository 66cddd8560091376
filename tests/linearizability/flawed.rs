use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::{
    model::{AssetState, EndReason, Lease, Millis, NewAsset, PlayerName, Units},
    store::{
        Applied, AssetKey, Call, NodeId, Reply, Result, Selected, Store, StoreError, StoreErrorKind, Verdict,
        layer::Layer,
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::sleep;

/// A store whose fault shows only when much happens at once or a reply is lost: the checker must notice.
pub struct Flawed {
    inner: Arc<dyn Store>,
    flaw: Flaw,
    /// Rises with every change, and serves as the number of a node that nobody knows.
    changes: AtomicU64,
    /// Selects by which nobody got anything.
    denied: Mutex<HashSet<(NodeId, u64)>>,
    /// The last state that was sold out.
    sold_out: Mutex<Option<AssetState>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Tells a player that is denied that the last unit is its own.
    AwardsTwice,
    /// Takes a repeated select for a new one.
    ForgetsSelects,
    /// The same, if nobody got anything by it.
    ForgetsDenials,
    /// Now and then says that a release is done, and does nothing.
    LosesReleases,
    /// Takes a repeated release for a new one.
    ForgetsReleases,
    /// Denies once more after what was sold out came free.
    DeniesFromMemory,
    /// Answers a change with the state from before it.
    AnswersFromBefore,
    /// Reads, waits and writes: of what happened in between a reader knows nothing.
    ReadsLate,
    /// Takes a repeated restock for a new one.
    RestocksTwice,
    /// Now and then forgets that a condition was given.
    ForgetsConditions,
    /// Denies when the reply to a select was lost on the way from the store within.
    DeniesLostReplies,
    /// Gives the unit of a grant that ended back twice.
    EndsTwice,
    /// Decides a select without ending first what is over.
    ForgetsToEnd,
    /// Prolongs what anybody holds, whoever is there.
    ProlongsEverybody,
    /// Tells a client whose clock runs behind the record the deadlines of that clock.
    TakesTheCallersTime,
}

impl Flawed {
    pub fn new(inner: Arc<dyn Store>, flaw: Flaw) -> Self {
        let changes = AtomicU64::new(1 << 32);
        Self { inner, flaw, changes, denied: Mutex::default(), sold_out: Mutex::default() }
    }

    fn call(&self, call: Call, forgotten: Flaw) -> Call {
        let number = self.changes.fetch_add(1, Relaxed);
        if self.flaw == forgotten { Call { node: NodeId(number), ..call } } else { call }
    }

    /// True every third time.
    fn now_and_then(&self, flaw: Flaw) -> bool {
        self.flaw == flaw && self.changes.fetch_add(1, Relaxed).is_multiple_of(3)
    }

    fn denial_from_memory(&self, players: &[PlayerName]) -> Option<Applied<Selected>> {
        let state = self.sold_out.lock().take().filter(|_| self.flaw == Flaw::DeniesFromMemory)?;
        let holds = |player: &PlayerName| state.holders.iter().any(|grant| grant.player == *player);
        (!players.iter().any(holds)).then(|| denied(players, state.clone()))
    }

    fn denies(&self, error: &StoreError) -> bool {
        self.flaw == Flaw::DeniesLostReplies && error.kind() == StoreErrorKind::OutcomeUnknown
    }

    async fn denial(&self, key: &AssetKey, players: &[PlayerName]) -> Reply<Selected> {
        let state = self.inner.asset(key).await?;
        Ok(denied(players, state))
    }

    /// The call at a time when nothing is over yet.
    async fn before_ends(&self, call: Call, key: &AssetKey) -> Call {
        let state = self.inner.asset(key).await.ok();
        let next_end = state.and_then(|state| state.terms?.next_end).unwrap_or(Millis::MAX);
        Call { at: call.at.min(next_end - 1), ..call }
    }

    async fn before(&self, key: &AssetKey) -> Option<AssetState> {
        if self.flaw == Flaw::AnswersFromBefore { self.inner.asset(key).await.ok() } else { None }
    }
}

fn denied(players: &[PlayerName], state: AssetState) -> Applied<Selected> {
    Applied::Now(Selected { verdicts: vec![Verdict::SoldOut; players.len()], state })
}

#[async_trait]
impl Layer for Flawed {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        if let Some(denial) = self.denial_from_memory(players) {
            return Ok(denial);
        }
        let own = (call.node, call.seq);
        let denied = self.denied.lock().contains(&own);
        let call = self.call(call, if denied { Flaw::ForgetsDenials } else { Flaw::ForgetsSelects });
        let call = if self.flaw == Flaw::ForgetsToEnd { self.before_ends(call, key).await } else { call };
        let mut selected = match self.inner.select(call, key, players, create).await {
            Err(error) if self.denies(&error) => self.denial(key, players).await?,
            selected => selected?,
        };
        if !selected.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Granted { .. })) {
            self.denied.lock().insert(own);
        }
        if selected.state.remaining == 0 {
            *self.sold_out.lock() = Some(selected.state.clone());
        }
        if let Applied::Now(selected) = &mut selected
            && self.flaw == Flaw::AwardsTwice
        {
            for verdict in selected.verdicts.iter_mut().filter(|verdict| **verdict == Verdict::SoldOut) {
                *verdict = Verdict::Granted { revision: selected.state.revision, lease: Lease::NONE };
            }
        }
        if self.flaw == Flaw::TakesTheCallersTime {
            return Ok(selected.map(|selected| by_the_callers_time(selected, call.at)));
        }
        Ok(selected)
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        if self.flaw != Flaw::ProlongsEverybody {
            return self.inner.prolong(call, key, players).await;
        }
        let holders = self.inner.asset(key).await?.holders;
        let everybody: Vec<_> = holders.into_iter().map(|grant| grant.player).collect();
        self.inner.prolong(call, key, &everybody).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        let before = self.inner.asset(key).await;
        let done = self.inner.expire(call, key).await?;
        let ended = !done.is_repeat() && before.is_ok_and(|before| done.held < before.held);
        if self.flaw == Flaw::EndsTwice && ended {
            let again = self.call(call, Flaw::EndsTwice);
            return self.inner.restock(again, key, 1, None).await;
        }
        Ok(done)
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        let before = self.before(key).await;
        if self.now_and_then(Flaw::LosesReleases) {
            let state = self.inner.asset(key).await?;
            if let Some(place) = state.holders.iter().position(|grant| grant.player == *player) {
                return Ok(Applied::Now(released(state, place)));
            }
        }
        let done = self.inner.release(self.call(call, Flaw::ForgetsReleases), key, player, reason).await?;
        Ok(done.map(|state| before.unwrap_or(state)))
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        let condition = condition.filter(|_| !self.now_and_then(Flaw::ForgetsConditions));
        self.inner.restock(self.call(call, Flaw::RestocksTwice), key, n, condition).await
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        let state = self.inner.asset(key).await?;
        if self.flaw != Flaw::ReadsLate {
            return Ok(state);
        }
        // The counter of one moment and the holders of another.
        sleep(Duration::from_millis(10)).await;
        let later = self.inner.asset(key).await?;
        Ok(AssetState { holders: later.holders, ..state })
    }
}

/// The deadlines of new grants, by a clock that may be behind the record's.
fn by_the_callers_time(mut selected: Selected, at: Millis) -> Selected {
    let behind = selected.state.terms.as_ref().map_or(0, |terms| terms.changed_at.saturating_sub(at));
    for verdict in &mut selected.verdicts {
        if let Verdict::Granted { lease, .. } = verdict {
            for deadline in lease.until.iter_mut().chain(&mut lease.present_until) {
                *deadline -= behind;
            }
        }
    }
    selected
}

/// As if the release had been done.
fn released(mut state: AssetState, place: usize) -> AssetState {
    state.holders.remove(place);
    AssetState { revision: state.revision + 1, remaining: state.remaining + 1, held: state.held - 1, ..state }
}
