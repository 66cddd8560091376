//! Runs a batch of selects: the store decides all of them, every player gets a reply, and the grants are broadcast.

use std::{
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
    verdicts::{Asked, grants, selection},
};
use crate::{
    model::{AssetName, ErrorCode, PlayerName, ServerMessage, Units},
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

/// The asks of a store call, sorted by result.
#[derive(Default)]
struct Decided {
    replies: Vec<(ServerMessage, SelectOutcome, Ask)>,
    /// Asks that the call did not decide, for a new call.
    open: Vec<Ask>,
    /// Asks with an unknown outcome.
    unknown: Vec<Ask>,
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

    /// Selects units for the asks, with as many store calls as needed.
    pub(super) async fn run(&self, room: &RoomHandle, asset: &AssetName, asks: Vec<Ask>) {
        let mut open = self.drop_unwanted(asks);
        let mut before = Baseline::now(room, asset);
        let (mut call, mut uncertain) = (self.node.next_call(), false);
        while let Some(first) = open.first() {
            let deadline = self.node.deadline(first.since);
            let asked = Asked::new(open);
            // Nearly all selects are of a known asset.
            let create = if before.is_known() { Ok(None) } else { self.units_to_create(room, asset) };
            let (decided, is_missing) = match create {
                Ok(create) => self.decide(room, asset, &asked.players, create, call, deadline).await,
                Err(refusal) => (Err(refusal), false),
            };
            let refusal = match decided {
                Ok(selected) => {
                    open = self.answer(room, asset, asked, call, &selected, before);
                    if open.is_empty() {
                        return;
                    }
                    (before, call, uncertain) = (before.then(&selected.state), self.node.next_call(), false);
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
                (before, call) = (Baseline::now(room, asset), self.node.next_call());
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
    fn drop_unwanted(&self, mut asks: Vec<Ask>) -> Vec<Ask> {
        asks.retain(|ask| {
            let wanted = !ask.mailbox.is_closed();
            if !wanted {
                self.node.meters.select(SelectOutcome::Dropped, ask.since.elapsed());
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
        players: &[PlayerName],
        create: Option<Units>,
        call: Call,
        deadline: Instant,
    ) -> (Result<Applied<Selected>, Refusal>, bool) {
        let key = AssetKey::new(&room.name, asset);
        self.node.meters.batch_size.record(players.len() as f64);
        let is_missing = &AtomicBool::new(false);
        let decide = || {
            // An asset that became known since the last attempt is not created any more.
            let create = create.filter(|_| room.may_create(asset));
            let decided = self.node.store.select(call, &key, players, create);
            decided.inspect_err(|error| {
                is_missing.store(error.kind() == StoreErrorKind::UnknownAsset, Relaxed);
            })
        };
        let decided = self.calls.call_with_retry(StoreCall::Select, &room.name, deadline, decide).await;
        (decided, is_missing.load(Relaxed))
    }

    /// The units with which a select may create the asset. An asset that this node knew at any revision is never
    /// created again by a select, because the store may have lost it.
    fn units_to_create(&self, room: &RoomHandle, asset: &AssetName) -> Result<Option<Units>, Refusal> {
        let units = self.node.config.units_of_new(asset).filter(|_| room.may_create(asset));
        let Some(units) = units else { return Ok(None) };
        room.with(|state| limits::check_assets(&self.node.config, &state.view)).map(|()| Some(units))
    }

    /// Replies to every ask that the store decided and broadcasts the grants. Returns the asks for a new call.
    fn answer(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        asked: Asked,
        call: Call,
        selected: &Applied<Selected>,
        before: Baseline,
    ) -> Vec<Ask> {
        let now = Instant::now();
        let grants = grants(&asked.players, call, selected);
        let decided = self.sort(asset, asked, selected, before, now);
        for ask in decided.unknown {
            ask.refuse_select(&self.node.meters, asset, &Refusal::outcome_unknown());
        }
        let keeps_sold_out = !self.node.config.sold_out_ttl.is_zero();
        if keeps_sold_out && selected.state.remaining == 0 && !selected.is_repeat() {
            room.with(|state| state.sold_out.learn(asset, selected.state.revision));
        }
        for (reply, outcome, ask) in decided.replies {
            self.node.meters.select(outcome, now - ask.since);
            ask.mailbox.push(reply);
        }
        // After a loss the members get a snapshot, which includes these grants.
        if !self.regression.detect(room, before, &selected.state, grants.len() as u64) {
            self.events.broadcast(room, grants);
            // The view is not behind a state that was known before.
            if before.then(&selected.state) != before {
                let publish = if selected.is_repeat() { Publish::Always } else { Publish::Never };
                self.events.compare(room, &selected.state, publish);
            }
        }
        decided.open
    }

    /// A retry only looks players up. A player without a unit was either denied, or granted and released since. If a
    /// release is possible, deciding again could grant twice, so the player gets `outcome_unknown`.
    fn sort(
        &self,
        asset: &AssetName,
        asked: Asked,
        selected: &Applied<Selected>,
        before: Baseline,
        now: Instant,
    ) -> Decided {
        let only_grants = before.only_grants_until(before.then(&selected.state));
        let mut decided = Decided { replies: Vec::with_capacity(asked.asks.len()), ..Decided::default() };
        for (ask, verdict) in asked.with_verdicts(&selected.verdicts) {
            if selected.is_repeat() && verdict == Verdict::SoldOut {
                if only_grants && now < self.node.deadline(ask.since) {
                    decided.open.push(ask);
                } else {
                    decided.unknown.push(ask);
                }
                continue;
            }
            let (reply, outcome) = (selection(&ask, asset, verdict, selected), SelectOutcome::from(verdict));
            decided.replies.push((reply, outcome, ask));
        }
        decided
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
