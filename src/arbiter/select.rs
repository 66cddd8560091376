//! Runs a batch of selects: the store decides all of them, every player gets a reply, and the grants are broadcast.

use std::{
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::TryFutureExt;
use tokio::time::Instant;

use super::{
    baseline::Baseline,
    events::Events,
    limits,
    meters::{SelectOutcome, StoreCall},
    node::Node,
    queue::Ask,
    refusal::Refusal,
    registry::RoomHandle,
    regression::{Missing, Regression},
    repair::Publish,
    retry::StoreCalls,
    spans::{Attempt, Attempts},
    verdicts::{Asked, Decision, grant, selection},
};
use crate::{
    model::{AssetName, By, ErrorCode, Event, NewAsset, PlayerName},
    store::{Applied, AssetKey, Call, Selected, StoreErrorKind, Verdict},
};

/// Requests whose deadline is this close to the deadline of the first in their batch are refused together with it.
const SAME_DEADLINE: Duration = Duration::from_millis(50);

pub(super) struct Selects {
    node: Arc<Node>,
    calls: Arc<StoreCalls>,
    regression: Arc<Regression>,
    events: Arc<Events>,
}

impl Selects {
    pub(super) fn new(
        node: Arc<Node>,
        calls: Arc<StoreCalls>,
        regression: Arc<Regression>,
        events: Arc<Events>,
    ) -> Self {
        Self { node, calls, regression, events }
    }

    /// Selects a unit for the ask if the store decides at once. Returns an ask for [`run`](Self::run).
    pub(super) fn run_now(&self, room: &RoomHandle, asset: &AssetName, mut ask: Ask) -> Option<Ask> {
        let now = Instant::now();
        unqueue(slice::from_mut(&mut ask), now);
        let before = Baseline::now(room, asset);
        let Ok(create) = self.asset_to_create(room, asset, before) else { return Some(ask) };
        let (key, call) = (AssetKey::new(&room.name, asset), Call { by: ask.by, ..self.node.next_call(now) });
        let select = || self.node.store.select_now(call, &key, &ask.player, create.as_deref());
        let Some(selected) = self.calls.call_now(StoreCall::Select, select) else { return Some(ask) };
        self.node.meters.batch_size.record(1.0);
        attempted(slice::from_mut(&mut ask), &[Attempt { begin: now, end: now, error: None }]);
        let decision = Decision { state: &selected.state, is_repeat: selected.is_repeat(), call, before, now };
        let granted = grant(&ask.player, selected.verdict, &decision);
        self.learn(room, asset, &decision);
        let open = self.reply(asset, ask, selected.verdict, &decision);
        self.tell(room, &decision, granted.into_iter().collect());
        open
    }

    /// Selects units for the asks, with as many store calls as needed.
    pub(super) async fn run(&self, room: &RoomHandle, asset: &AssetName, asks: Vec<Ask>) {
        let mut open = self.drop_unwanted(asset, asks);
        unqueue(&mut open, Instant::now());
        let mut before = Baseline::now(room, asset);
        let by = author(&open);
        let next_call = |now| Call { by, ..self.node.next_call(now) };
        let (mut call, mut uncertain) = (next_call(Instant::now()), false);
        while let Some(first) = open.first() {
            let deadline = self.node.deadline(first.since);
            let mut asked = Asked::new(open);
            let (decided, is_missing) = match self.asset_to_create(room, asset, before) {
                Ok(create) => self.decide(room, asset, &mut asked, create, call, deadline).await,
                Err(refusal) => (Err(refusal), false),
            };
            let refusal = match decided {
                Ok(selected) => {
                    let (state, is_repeat, now) = (&selected.state, selected.is_repeat(), Instant::now());
                    let decision = Decision { state, is_repeat, call, before, now };
                    open = self.answer(room, asset, asked, &selected.verdicts, &decision);
                    if open.is_empty() {
                        return;
                    }
                    (before, call, uncertain) = (before.then(&selected.state), next_call(now), false);
                    continue;
                }
                Err(refusal) => refusal,
            };
            open = asked.asks;
            uncertain |= refusal.code == ErrorCode::OutcomeUnknown;
            let room_removed = is_missing
                && self.events.explain_missing(room, asset, before, deadline).await == Missing::RoomRemoved;
            if room_removed && !uncertain && Instant::now() < deadline {
                open = self.refuse_those_sent_away(asset, open, &refusal);
                (before, call) = (Baseline::now(room, asset), next_call(Instant::now()));
                continue;
            }
            // The remaining asks retry the same call, because the uncertain call could take effect besides
            // a new one.
            let refusal = match refusal.code {
                ErrorCode::StoreUnavailable | ErrorCode::UnknownAsset if uncertain => {
                    Refusal::outcome_unknown()
                }
                _ => refusal,
            };
            open = self.refuse_due(asset, open, &refusal);
        }
    }

    /// Drops the asks of callers that disconnected before the first call.
    fn drop_unwanted(&self, asset: &AssetName, mut asks: Vec<Ask>) -> Vec<Ask> {
        asks.retain(|ask| {
            let wanted = !ask.mailbox.is_closed();
            if !wanted {
                self.node.meters.select(SelectOutcome::Dropped, ask.since.elapsed());
                ask.end_trace(asset, SelectOutcome::Dropped);
            }
            wanted
        });
        asks
    }

    /// Makes the store call. Also returns whether the store has no such asset.
    async fn decide(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        asked: &mut Asked,
        create: Option<Arc<NewAsset>>,
        call: Call,
        deadline: Instant,
    ) -> (Result<Applied<Selected>, Refusal>, bool) {
        let (key, Asked { asks, players, .. }) = (AssetKey::new(&room.name, asset), asked);
        self.node.meters.batch_size.record(players.len() as f64);
        let kept = Attempts::wanted(asks.iter().any(|ask| ask.trace.is_some()));
        let (players, attempts): (&[PlayerName], _) = (players, &kept);
        let is_missing = &AtomicBool::new(false);
        let decide = || {
            // An asset that became known since the last attempt is not created any more.
            let create = create.clone().filter(|_| room.may_create(asset));
            let decided = self.node.store.select(call, &key, players, create);
            attempts.keep(decided.inspect_err(|error| {
                is_missing.store(error.kind() == StoreErrorKind::UnknownAsset, Relaxed);
            }))
        };
        let decided = self.calls.call_with_retry(StoreCall::Select, &room.name, deadline, decide).await;
        attempted(asks, &kept.taken());
        (decided, is_missing.load(Relaxed))
    }

    /// The asset that a select may create. An asset that this node knew at any revision is never
    /// created again by a select, because the store may have lost it.
    fn asset_to_create(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        before: Baseline,
    ) -> Result<Option<Arc<NewAsset>>, Refusal> {
        // Nearly all selects are of a known asset.
        if before.is_known() {
            return Ok(None);
        }
        let new = self.node.config.new_asset(asset).filter(|_| room.may_create(asset));
        let Some(new) = new else { return Ok(None) };
        room.read(|state| limits::check_assets(&self.node.config, &state.view)).map(|()| Some(new))
    }

    /// Replies to every ask that the store decided and broadcasts the grants. Returns the asks for a new call.
    fn answer(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        asked: Asked,
        verdicts: &[Verdict],
        decision: &Decision<'_>,
    ) -> Vec<Ask> {
        let granted = asked.players.iter().zip(verdicts);
        let granted = granted.filter_map(|(player, verdict)| grant(player, *verdict, decision)).collect();
        self.learn(room, asset, decision);
        let asked = asked.with_verdicts(verdicts);
        let open = asked.filter_map(|(ask, verdict)| self.reply(asset, ask, verdict, decision)).collect();
        self.tell(room, decision, granted);
        open
    }

    /// Remembers that no unit is left.
    fn learn(&self, room: &RoomHandle, asset: &AssetName, decision: &Decision<'_>) {
        let Decision { state, is_repeat, .. } = *decision;
        let is_sold_out = state.remaining == 0 && state.terms.is_none() && !is_repeat;
        if is_sold_out && !self.node.config.sold_out_ttl.is_zero() {
            room.with(|known| known.sold_out.learn(asset, state.revision));
        }
    }

    /// Replies to an ask, if the store decided it. Otherwise returns it.
    ///
    /// A retry only looks players up. A player without a unit was either denied, or granted and released since. If a
    /// release is possible, deciding again could grant twice, so the player gets `outcome_unknown`.
    fn reply(&self, asset: &AssetName, ask: Ask, verdict: Verdict, decision: &Decision<'_>) -> Option<Ask> {
        let Decision { state, is_repeat, before, now, .. } = *decision;
        if !is_repeat || verdict != Verdict::SoldOut {
            self.node.meters.select(SelectOutcome::from(verdict), now - ask.since);
            ask.mailbox.push_selection(selection(&ask, asset, verdict, state, self.node.clock.at(now)));
            ask.end_trace(asset, SelectOutcome::from(verdict));
            return None;
        }
        if before.only_grants_until(before.then(state)) && now < self.node.deadline(ask.since) {
            return Some(ask);
        }
        ask.refuse_select(&self.node.meters, asset, &Refusal::outcome_unknown());
        None
    }

    /// Broadcasts the grants of a decision. After a loss the members get a snapshot, which includes them.
    fn tell(&self, room: &RoomHandle, decision: &Decision<'_>, grants: Vec<Event>) {
        let Decision { state, is_repeat, before, .. } = *decision;
        if self.regression.detect(room, before, state, grants.len() as u64) {
            return;
        }
        self.events.tell(room, state, grants);
        // The view is not behind a state that was known before.
        if before.then(state) != before {
            let publish = if is_repeat { Publish::Always } else { Publish::Never };
            self.events.compare(room, state, publish);
        }
    }

    /// Refuses the asks of members that were disconnected by the removal of the room.
    fn refuse_those_sent_away(&self, asset: &AssetName, asks: Vec<Ask>, refusal: &Refusal) -> Vec<Ask> {
        self.refuse_if(asset, asks, refusal, |ask| ask.mailbox.is_room_removed())
    }

    /// Refuses the asks whose deadline has passed, or all of them if the refusal is final. Returns the others.
    fn refuse_due(&self, asset: &AssetName, asks: Vec<Ask>, refusal: &Refusal) -> Vec<Ask> {
        let first = asks.first().map(|ask| ask.since);
        self.refuse_if(asset, asks, refusal, |ask| {
            !refusal.code.temporary()
                || Some(ask.since) == first
                || self.node.deadline(ask.since) <= Instant::now() + SAME_DEADLINE
        })
    }

    /// Refuses the asks that are `due` and returns the others.
    fn refuse_if(
        &self,
        asset: &AssetName,
        asks: Vec<Ask>,
        refusal: &Refusal,
        due: impl Fn(&Ask) -> bool,
    ) -> Vec<Ask> {
        let (due, open): (Vec<_>, Vec<_>) = asks.into_iter().partition(due);
        for ask in due {
            ask.refuse_select(&self.node.meters, asset, refusal);
        }
        open
    }
}

/// Who asks: the same for all asks of a batch.
fn author(asks: &[Ask]) -> Option<By> {
    asks.first().and_then(|ask| ask.by)
}

/// The asks leave the queue together.
fn unqueue(asks: &mut [Ask], now: Instant) {
    let batch = asks.len();
    for ask in asks {
        if let Some(trace) = &mut ask.trace {
            trace.unqueued(now, batch);
        }
    }
}

/// Adds the attempts of a call to the asks that it was made for.
fn attempted(asks: &mut [Ask], attempts: &[Attempt]) {
    for ask in asks {
        if let Some(trace) = &mut ask.trace {
            trace.attempted(attempts);
        }
    }
}
