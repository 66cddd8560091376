//! Selects in their turn: the store decides for the whole batch, everyone gets a reply, the room hears of the grants.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::TryFutureExt;
use tokio::time::Instant;

use super::{
    Arbiter,
    baseline::Baseline,
    batch::known,
    meters::{SelectOutcome, StoreCall},
    queue::{Ask, Job},
    refusal::Refusal,
    regression::Missing,
    room::RoomHandle,
    verdicts::{distinct, grants, selection},
};
use crate::{
    model::{AssetName, ErrorCode, Units},
    store::{Call, Selected, StoreErrorKind, Verdict},
};

/// Requests whose deadline is this near share the fate of the first in their batch.
const SAME_DEADLINE: Duration = Duration::from_millis(50);

impl Arbiter {
    /// Decides who gets a unit, for everyone who asked meanwhile.
    pub(super) async fn select_batch(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, asks: Vec<Ask>) {
        let mut open = self.drop_unwanted(asks);
        let mut before = known(room, asset);
        let (mut call, mut uncertain) = (self.next_call(), false);
        while let Some(first) = open.first() {
            let deadline = first.since + self.config.select_deadline;
            let (decided, is_missing) = self.decide(room, asset, &open, call, deadline).await;
            let refusal = match decided {
                Ok(selected) => {
                    open = self.answer_selects(room, asset, open, call, &selected, before);
                    (before, call, uncertain) = (before.then(&selected.state), self.next_call(), false);
                    continue;
                }
                Err(refusal) => refusal,
            };
            uncertain |= refusal.code == ErrorCode::OutcomeUnknown;
            let removed =
                is_missing && self.missing(room, asset, before, deadline).await == Missing::RoomRemoved;
            if removed && !uncertain && Instant::now() < deadline {
                open = self.refuse_removed_room(asset, open, &refusal);
                (before, call) = (known(room, asset), self.next_call());
                continue;
            }
            // The others repeat the same call: a new one could take effect besides it.
            let refusal = match refusal.code {
                ErrorCode::StoreUnavailable | ErrorCode::UnknownAsset if uncertain => {
                    Refusal::outcome_unknown()
                }
                _ => refusal,
            };
            open = self.refuse_due(asset, open, &refusal);
        }
    }

    /// What was not sent yet and is not waited for any more need not be sent.
    fn drop_unwanted(&self, mut asks: Vec<Ask>) -> Vec<Ask> {
        asks.retain(|ask| {
            let wanted = !ask.mailbox.is_closed();
            if !wanted {
                self.meters.select(SelectOutcome::Dropped, ask.since.elapsed());
            }
            wanted
        });
        asks
    }

    /// Also says whether the store has no such asset.
    async fn decide(
        &self,
        room: &RoomHandle,
        asset: &AssetName,
        asks: &[Ask],
        call: Call,
        deadline: Instant,
    ) -> (Result<Selected, Refusal>, bool) {
        let create = match self.creates(room, asset) {
            Ok(create) => create,
            Err(refusal) => return (Err(refusal), false),
        };
        let players = distinct(asks);
        self.meters.batch_size.record(players.len() as f64);
        let is_missing = &AtomicBool::new(false);
        let decide = || {
            // What was seen since the last attempt is not made any more.
            let create = create.filter(|_| room.may_create(asset));
            let decided = self.store.select(call, &room.name, asset, &players, create);
            decided.inspect_err(|error| {
                is_missing.store(error.kind() == StoreErrorKind::UnknownAsset, Relaxed);
            })
        };
        let decided = self.call_with_retry(StoreCall::Select, &room.name, deadline, decide).await;
        (decided, is_missing.load(Relaxed))
    }

    /// With how many units a select may create the asset. What was seen here at any revision is not new, whatever
    /// the store has now.
    fn creates(&self, room: &RoomHandle, asset: &AssetName) -> Result<Option<Units>, Refusal> {
        let units = self.config.units_of_new(asset).filter(|_| room.may_create(asset));
        let Some(units) = units else { return Ok(None) };
        room.with(|state| self.check_room_for_asset(&state.view)).map(|()| Some(units))
    }

    /// Answers everyone the store decided and tells the room; gives back those to be decided under a new call.
    /// A repeat only looks up. Who is not found was denied, or got a unit that is released since: if there
    /// may have been a release, deciding again could take effect twice, and the player is told that nobody knows.
    fn answer_selects(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        asks: Vec<Ask>,
        call: Call,
        selected: &Selected,
        before: Baseline,
    ) -> Vec<Ask> {
        let players = distinct(&asks);
        let only_grants = before.only_grants_until(before.then(&selected.state));
        let mut verdicts: HashMap<_, _> =
            players.iter().cloned().zip(selected.verdicts.iter().copied()).collect();
        let (mut again, mut outcomes) = (Vec::new(), Vec::with_capacity(asks.len()));
        for ask in asks {
            let Some(verdict) = verdicts.get_mut(&ask.player) else { continue };
            if selected.repeated && *verdict == Verdict::SoldOut {
                if only_grants && Instant::now() < self.deadline(ask.since) {
                    again.push(ask);
                } else {
                    self.refuse_job(asset, Job::Select(ask), &Refusal::outcome_unknown());
                }
                continue;
            }
            outcomes.push((selection(&ask, asset, *verdict, selected), SelectOutcome::from(*verdict), ask));
            // A player twice in one batch is answered from the first.
            if let Verdict::Granted { revision } = *verdict {
                *verdict = Verdict::AlreadyHeld { revision };
            }
        }
        if selected.state.remaining == 0 && !selected.repeated {
            room.with(|state| state.sold_out.learn(asset, selected.state.revision));
        }
        for (reply, outcome, ask) in outcomes {
            self.meters.select(outcome, ask.since.elapsed());
            ask.mailbox.push(reply);
        }
        let grants = grants(&players, call, selected);
        // The snapshot that follows has them, too.
        if !self.detect_regression(room, before, &selected.state, grants.len() as u64) {
            self.broadcast(room, grants);
            self.compare(room, &selected.state, selected.repeated);
        }
        again
    }

    /// Refuses those who were sent away with the room.
    fn refuse_removed_room(&self, asset: &AssetName, asks: Vec<Ask>, refusal: &Refusal) -> Vec<Ask> {
        let (gone, rest): (Vec<_>, Vec<_>) = asks.into_iter().partition(|ask| ask.mailbox.is_room_removed());
        for ask in gone {
            self.refuse_job(asset, Job::Select(ask), refusal);
        }
        rest
    }

    /// Refuses those whose deadline has come, or everyone when the refusal is for good.
    fn refuse_due(&self, asset: &AssetName, asks: Vec<Ask>, refusal: &Refusal) -> Vec<Ask> {
        let due = |ask: &Ask| {
            !refusal.code.temporary()
                || ask.since + self.config.select_deadline <= Instant::now() + SAME_DEADLINE
        };
        let first = asks.first().map(|ask| ask.since);
        let (due, rest): (Vec<_>, Vec<_>) =
            asks.into_iter().partition(|ask| due(ask) || Some(ask.since) == first);
        for ask in due {
            self.refuse_job(asset, Job::Select(ask), refusal);
        }
        rest
    }
}
