//! One change of an asset after the other: the store decides, the caller gets its reply, the room hears of it.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures::{FutureExt, TryFutureExt};
use tokio::time::Instant;

use super::{
    Arbiter,
    count::Count,
    meters::{SelectOutcome, StoreCall},
    queue::{Answer, Ask, Batch, Job, Offer},
    refusal::Refusal,
    regression::Missing,
    room::RoomHandle,
    verdicts::{distinct, grants, selection},
};
use crate::{
    bus::BusMessage,
    model::{AssetName, AssetState, Change, ErrorCode, Event, ServerMessage, Units},
    store::{self, Call, Created, Done, Selected, StoreErrorKind, Verdict},
};

/// Requests whose deadline is this near share the fate of the first in their batch.
const SAME_DEADLINE: Duration = Duration::from_millis(50);

impl Arbiter {
    /// Lets a change take its turn. What the store answers at once is done when this returns; the rest goes on
    /// in a task of its own, so that a client that disconnects cancels nothing that was sent.
    pub(super) fn submit(self: &Arc<Self>, room: &RoomHandle, asset: AssetName, job: Job) {
        let offer = room.queues.lock().offer(&asset, job);
        match offer {
            Offer::Queued => {}
            Offer::Full(job) => self.refuse_job(&asset, job, &Refusal::store_unavailable()),
            Offer::YourTurn(batch) => run(Arc::clone(self).turns(room.clone(), asset, batch)),
        }
    }

    async fn turns(self: Arc<Self>, room: RoomHandle, asset: AssetName, mut batch: Batch) {
        loop {
            match batch {
                Batch::Selects(asks) => self.select_turn(&room, &asset, asks).await,
                Batch::Other(job) => self.other_turn(&room, &asset, job).await,
            }
            let next = room.queues.lock().next(&asset);
            match next {
                Some(next) => batch = next,
                None => return,
            }
            tokio::task::consume_budget().await;
        }
    }

    async fn select_turn(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, asks: Vec<Ask>) {
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
                open = self.refuse_dismissed(asset, open, &refusal);
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
        let decided = self.persist(StoreCall::Select, &room.name, deadline, decide).await;
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
        before: Count,
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
        if !self.went_back(room, before, &selected.state, grants.len() as u64) {
            self.tell(room, grants);
            self.compare(room, &selected.state, selected.repeated);
        }
        again
    }

    /// Refuses those who were sent away with the room.
    fn refuse_dismissed(&self, asset: &AssetName, asks: Vec<Ask>, refusal: &Refusal) -> Vec<Ask> {
        let (gone, rest): (Vec<_>, Vec<_>) = asks.into_iter().partition(|ask| ask.mailbox.is_dismissed());
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

    async fn other_turn(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, job: Job) {
        let call = self.next_call();
        match job {
            Job::Select(ask) => self.select_turn(room, asset, vec![ask]).await,
            Job::Release(ask) => self.release_turn(room, asset, ask, call).await,
            Job::Create(units, answer) => {
                let created = self.create_now(room, asset, units, call, self.deadline(answer.since)).await;
                answer.send(created);
            }
            Job::Restock { n, condition, answer } => {
                let state =
                    self.restock_now(room, asset, n, condition, call, self.deadline(answer.since)).await;
                answer.send(state);
            }
            Job::Remove(answer) => {
                let deadline = self.deadline(answer.since);
                let remove = || self.store.remove_asset(call, &room.name, asset);
                let (done, before) =
                    self.change_known(StoreCall::RemoveAsset, room, asset, deadline, remove).await;
                answer.send(done.map(|done| self.told(room, before, done, |_| Change::Removed).revision));
            }
        }
    }

    async fn release_turn(self: &Arc<Self>, room: &RoomHandle, asset: &AssetName, ask: Ask, call: Call) {
        if ask.mailbox.is_closed() {
            return;
        }
        let release = || self.store.release(call, &room.name, asset, &ask.player);
        let deadline = self.deadline(ask.since);
        let (done, before) = self.change_known(StoreCall::Release, room, asset, deadline, release).await;
        match done {
            Ok(done) => {
                ask.mailbox.push(ServerMessage::Release {
                    request_id: ask.request_id,
                    asset: asset.clone(),
                    released: true,
                    remaining: done.state.remaining,
                    revision: done.state.revision,
                });
                self.told(room, before, done, |_| Change::Released { player: ask.player });
            }
            Err(refusal) => self.refuse_job(asset, Job::Release(ask), &refusal),
        }
    }

    async fn create_now(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        units: Units,
        call: Call,
        deadline: Instant,
    ) -> Result<Created, Refusal> {
        room.with(|state| match state.view.get(asset) {
            Some(known) if !known.removed => Ok(()),
            _ => self.check_room_for_asset(&state.view),
        })?;
        let mut before = known(room, asset);
        // What is known to be stored may be lost: then everyone is told before the new one hides it.
        if before.is_known() && self.missing(room, asset, before, deadline).await != Missing::Absent {
            self.healed(room, deadline).await?;
            before = known(room, asset);
        }
        let create = || self.store.create(call, &room.name, asset, units);
        let created = self.persist(StoreCall::Create, &room.name, deadline, create).await?;
        if created.created {
            let done = Done { state: created.state.clone(), repeated: created.repeated };
            self.told(room, before, done, |state| Change::Changed { units: state.units, created: true });
        } else {
            self.look_at(room, before, &created.state);
        }
        Ok(created)
    }

    async fn restock_now(
        self: &Arc<Self>,
        room: &RoomHandle,
        asset: &AssetName,
        n: Units,
        condition: Option<u64>,
        call: Call,
        deadline: Instant,
    ) -> Result<AssetState, Refusal> {
        let units = room.with(|state| state.view.get(asset).map_or(0, |known| known.units));
        if units.saturating_add(n) > self.config.max_units {
            return Err(self.too_many_units());
        }
        let restock = || self.store.restock(call, &room.name, asset, n, condition);
        let (done, before) = self.change_known(StoreCall::Restock, room, asset, deadline, restock).await;
        Ok(self.told(room, before, done?, |state| Change::Changed { units: state.units, created: false }))
    }

    /// Changes an asset that there must be; if there is none, it may be lost. Also gives back how it was known before.
    async fn change_known<F>(
        self: &Arc<Self>,
        kind: StoreCall,
        room: &RoomHandle,
        asset: &AssetName,
        deadline: Instant,
        change: impl FnMut() -> F,
    ) -> (Result<Done, Refusal>, Count)
    where
        F: Future<Output = store::Result<Done>>,
    {
        let before = known(room, asset);
        let done = self.persist(kind, &room.name, deadline, change).await;
        if done.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::UnknownAsset) {
            self.missing(room, asset, before, deadline).await;
        }
        (done, before)
    }

    /// Tells the room of a change the store made, as it stands right after it; a repeat is found by comparing.
    fn told(
        self: &Arc<Self>,
        room: &RoomHandle,
        before: Count,
        done: Done,
        change: impl FnOnce(&AssetState) -> Change,
    ) -> AssetState {
        let Done { state, repeated } = done;
        let changes = u64::from(!repeated);
        if self.went_back(room, before, &state, changes) {
            return state;
        }
        if !repeated {
            let change = change(&state);
            self.tell(room, vec![Event::of(&state, state.revision, state.remaining, change)]);
        }
        self.compare(room, &state, repeated);
        state
    }

    /// Applies this node's own events and hands them to the other nodes.
    pub(super) fn tell(self: &Arc<Self>, room: &RoomHandle, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        if self.bus.reaches_other_nodes() {
            for event in &events {
                self.bus.publish(&room.name, &BusMessage::Event(event.clone()));
            }
        }
        self.apply(room, events);
    }

    fn refuse_job(&self, asset: &AssetName, job: Job, refusal: &Refusal) {
        match job {
            Job::Select(ask) => {
                self.meters.select(SelectOutcome::of_error(refusal.code), ask.since.elapsed());
                tracing::debug!(%asset, player = %ask.player, code = refusal.code.as_str(), "select refused");
                ask.refuse(refusal);
            }
            Job::Release(ask) => ask.refuse(refusal),
            Job::Create(_, answer) => answer.send(Err(refusal.clone())),
            Job::Restock { answer, .. } => answer.send(Err(refusal.clone())),
            Job::Remove(answer) => answer.send(Err(refusal.clone())),
        }
    }

    fn deadline(&self, since: Instant) -> Instant {
        since + self.config.select_deadline
    }
}

impl Ask {
    fn refuse(self, refusal: &Refusal) {
        self.mailbox.push(ServerMessage::error(refusal.code, refusal.message.clone(), self.request_id));
    }
}

impl<T> Answer<T> {
    /// A caller that went away does not want to know.
    fn send(self, result: Result<T, Refusal>) {
        drop(self.sender.send(result));
    }
}

/// What the node knows of an asset before it asks.
pub(super) fn known(room: &RoomHandle, asset: &AssetName) -> Count {
    room.with(|state| Count::of(state.view.get(asset), state.renewals))
}

/// Polls once, and only what is not done by then becomes a task: a store in memory costs no task switch.
pub(super) fn run(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().now_or_never().is_none() {
        tokio::spawn(work);
    }
}
