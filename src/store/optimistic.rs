//! Optimistic concurrency control, shared by several stores: read an asset, decide in this process, and write
//! only if the asset is unchanged. A driver of this kind implements [`RecordStore`]; [`Optimistic`] turns it
//! into a [`Store`].

mod backend;
mod decide;
#[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "momento"))]
mod outbox;
mod recent_calls;
mod record;
mod settled;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::sleep;

#[cfg(any(feature = "mongodb", feature = "momento"))]
pub(super) use self::outbox::known;
#[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "momento"))]
pub(super) use self::outbox::{EventBackend, Waiting, restless};
pub(super) use self::{
    backend::{Backend, EventStore, RecordStore},
    record::{Change, FIRST, Record, shown},
};
use self::{
    decide::{Bounds, Decision, decide},
    recent_calls::RecentCalls,
    settled::{Settled, is_begun, look_up},
};
pub(super) use super::rules::{Counter, Ending};
use super::{
    Applied, AssetKey, Call, Created, HistoryKept, HistoryPage, Leased, Limits, Reply, Result, Selected, Store,
    StoreError, StoreErrorKind, StoreTime, Taker,
    call::origin,
    rules::{Ask, Outcome},
};
use crate::model::{
    AssetEvent, AssetName, AssetState, EndReason, EventId, Grant, Millis, NewAsset, PlayerName, RevisionRow,
    Revocation, RoomName, Units,
};

/// A [`Store`] over a [`RecordStore`].
pub(super) struct Optimistic<R> {
    records: R,
    recent_calls: RecentCalls,
}

/// How often a call reads again after a concurrent write before it fails as `Unavailable`. This is several
/// times the number of nodes that are remembered, because each of them may win against this call.
const TRIES: u32 = 256;

/// The longest backoff before reading again, with jitter: a few round trips.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The number of tries at which the backoff is longest. After it the backoff shrinks, so that old calls win
/// over new ones.
const LONGEST_AT: f64 = 8.0;

impl<R: RecordStore> Optimistic<R> {
    pub(super) fn new(records: R) -> Self {
        Self { records, recent_calls: RecentCalls::default() }
    }

    fn bounds(&self) -> Bounds {
        let keeps_events = self.records.events_backlog().is_some();
        Bounds { units: R::MOST_UNITS, grants: self.records.most_grants(), keeps_events }
    }

    /// Refuses deadlines that the store would forget before they are over.
    fn check_options(&self, new: &NewAsset, asset: &AssetName) -> Result<()> {
        let longest = self.records.longest_deadline();
        let Some((name, ms)) = new.options.durations().find(|(_, ms)| *ms > longest) else { return Ok(()) };
        let message = format!(
            "asset {asset}: {name} is at most {longest} here, because then the store forgets, not {ms}"
        );
        Err(error::<R>(StoreErrorKind::LimitReached, message))
    }

    /// Settles a confirmation or an extension.
    async fn lease(&self, call: Call, key: &AssetKey, ask: Ask<'_>) -> Reply<Leased> {
        let settled = self.settle(call, key, ask, None).await?;
        let Settled { decision, repeated, .. } = settled.unless_refused::<R>(ask, &key.asset)?;
        let state = decision.state(&key.asset);
        Ok(Applied::new(
            Leased { changed: decision.outcome == Outcome::Changed, grant: decision.grant, state },
            repeated,
        ))
    }

    /// Settles a change whose answer is the asset.
    async fn change(&self, call: Call, key: &AssetKey, ask: Ask<'_>) -> Reply<AssetState> {
        let settled = self.settle(call, key, ask, None).await?;
        let Settled { decision, repeated, .. } = settled.unless_refused::<R>(ask, &key.asset)?;
        Ok(Applied::new(decision.state(&key.asset), repeated))
    }

    /// Reads, decides and writes until no concurrent write interferes.
    ///
    /// With `part`, continues a call whose first part was written as that revision. If a concurrent write followed
    /// that part, the call counts as finished and gets no further grants, because the grants of one call have
    /// consecutive revisions. Otherwise the rest of the call is executed; a retry can do that, too.
    async fn settle(&self, call: Call, key: &AssetKey, ask: Ask<'_>, part: Option<u64>) -> Result<Settled> {
        let mut tried = 0;
        while tried < TRIES {
            if tried > 0 {
                sleep(pause(tried)).await;
            }
            let (record, seen) = self.records.read(key, ask.players(), call.at).await?;
            let begun = record.as_ref().is_some_and(|record| is_begun(call, ask, record));
            let answered = self.answered(call, key, record.as_ref(), begun);
            let made = answered.is_some();
            let found = record.as_ref().map(|record| record.counter.revision);
            let decided =
                decide(call, ask, record, answered, self.bounds(), origin(call.at, fastrand::u64(..)));
            let Ok(mut decision) = decided else { return Err(unknown::<R>(&key.asset)) };
            if let Some(change) = decision.change.take_if(|_| decision.only_ends) {
                // Whether it is written or somebody else wrote, the asset is another one now.
                let is_written = self.write(call, key, found.unwrap_or_default(), seen, change).await?;
                tried += u32::from(!is_written);
                continue;
            }
            let made = made || begun && decision.change.is_none();
            let repeated = made || begun && part != found;
            if self.stands(call, key, found, seen, &mut decision, made).await? {
                return Ok(Settled { decision, repeated, retried: tried > 0 });
            }
            tried += 1;
        }
        let message = format!("asset {} is changed by others all the time", key.asset);
        Err(error::<R>(StoreErrorKind::Unavailable, message))
    }

    /// Writes the decision, or remembers it if there is nothing to write. Returns false if the asset changed
    /// since it was read.
    async fn stands(
        &self,
        call: Call,
        key: &AssetKey,
        found: Option<u64>,
        seen: R::Seen,
        decision: &mut Decision,
        made: bool,
    ) -> Result<bool> {
        match (decision.change.take(), found) {
            (_, read) if made => Ok(self.recent_calls.is_recent(call, key, read.unwrap_or_default())),
            (Some(change), _) => self.write(call, key, found.unwrap_or_default(), seen, change).await,
            (None, Some(read)) => Ok(self.recent_calls.deny(call, key, read, decision.outcome)),
            (None, None) => Ok(true),
        }
    }

    /// Writes a change to the asset as it was `seen` at revision `read`. Returns false if the asset changed since, or if the
    /// call is a late copy: it has been answered, or its node made a later call.
    async fn write(
        &self,
        call: Call,
        key: &AssetKey,
        read: u64,
        seen: R::Seen,
        change: Change,
    ) -> Result<bool> {
        Ok(self.recent_calls.may_write(call, key, read) && self.records.write(key, seen, change).await?)
    }

    /// The outcome of this call, or of a later one of its node, if the call was executed completely before.
    fn answered(&self, call: Call, key: &AssetKey, record: Option<&Record>, begun: bool) -> Option<Outcome> {
        let record = record?;
        let changed = record.changes.last(call.node).map(|(seq, ())| (seq, Outcome::Changed));
        let unchanged = self.recent_calls.last(call, key);
        let (seq, outcome) = changed.into_iter().chain(unchanged).max_by_key(|(seq, _)| *seq)?;
        let made = if begun { call.seq < seq } else { call.seq <= seq };
        made.then_some(outcome)
    }
}

#[async_trait]
impl<R: RecordStore> Store for Optimistic<R> {
    fn shared(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        Limits { units: R::MOST_UNITS, select_creates: R::SELECT_CREATES }
    }

    fn room_ttl(&self) -> Option<Duration> {
        self.records.room_ttl()
    }

    async fn create(&self, call: Call, key: &AssetKey, new: &NewAsset) -> Reply<Created> {
        let ask = Ask::Create { new };
        self.check_options(new, &key.asset)?;
        let settled = self.settle(call, key, ask, None).await?.unless_refused::<R>(ask, &key.asset)?;
        let Settled { decision, repeated, .. } = settled;
        let created = decision.outcome == Outcome::Changed;
        Ok(Applied::new(Created { created, state: decision.state(&key.asset) }, repeated))
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let create = create.as_deref().filter(|_| R::SELECT_CREATES);
        let (mut verdicts, mut part, mut again) = (Vec::with_capacity(players.len()), None, false);
        loop {
            let rest = &players[verdicts.len()..];
            let Settled { mut decision, repeated, retried } =
                self.settle(call, key, Ask::Select { players: rest, create }, part).await?;
            if decision.outcome == Outcome::Refused(StoreErrorKind::LimitReached)
                && decision.verdicts.is_empty()
            {
                return Err(StoreError::too_many_units(R::NAME, &key.asset, R::MOST_UNITS));
            }
            // A call that found the asset removed stays refused, even if the asset was created again since.
            let refused = decision.outcome == Outcome::Refused(StoreErrorKind::UnknownAsset);
            if refused || decision.counter.removed {
                let made = part.is_some() || repeated && retried && !refused;
                return Err(if made { removed_since::<R>(&key.asset) } else { unknown::<R>(&key.asset) });
            }
            again |= repeated;
            part = Some(decision.counter.revision);
            verdicts.append(&mut decision.verdicts);
            if verdicts.len() == players.len() {
                if again {
                    verdicts.iter_mut().for_each(look_up);
                }
                return Ok(Applied::new(Selected { verdicts, state: decision.state(&key.asset) }, again));
            }
        }
    }

    async fn release(
        &self,
        call: Call,
        key: &AssetKey,
        player: &PlayerName,
        reason: EndReason,
    ) -> Reply<AssetState> {
        self.change(call, key, Ask::Release { player, reason }).await
    }

    async fn confirm(&self, call: Call, key: &AssetKey, player: &PlayerName, retake: bool) -> Reply<Leased> {
        self.lease(call, key, Ask::Confirm { player, retake }).await
    }

    async fn extend(&self, call: Call, key: &AssetKey, player: &PlayerName, most: Millis) -> Reply<Leased> {
        self.lease(call, key, Ask::Extend { player, most }).await
    }

    async fn prolong(&self, call: Call, key: &AssetKey, players: &[PlayerName]) -> Reply<AssetState> {
        self.change(call, key, Ask::Prolong { players }).await
    }

    async fn expire(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Expire).await
    }

    async fn restock(&self, call: Call, key: &AssetKey, n: Units, condition: Option<u64>) -> Reply<AssetState> {
        self.change(call, key, Ask::Restock { n, condition }).await
    }

    async fn reset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Reset).await
    }

    async fn remove_asset(&self, call: Call, key: &AssetKey) -> Reply<AssetState> {
        self.change(call, key, Ask::Remove).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.records.remove_room(room).await
    }

    async fn asset(&self, key: &AssetKey) -> Result<AssetState> {
        self.records.asset(key).await?.ok_or_else(|| unknown::<R>(&key.asset))
    }

    async fn snapshot(&self, room: &RoomName) -> Result<Vec<AssetState>> {
        self.records.snapshot(room).await
    }

    async fn revisions(&self, room: &RoomName) -> Result<Vec<RevisionRow>> {
        self.records.revisions(room).await
    }

    async fn holders(&self, key: &AssetKey, after_revision: Option<u64>, limit: usize) -> Result<Vec<Grant>> {
        let page = self.records.holders(key, after_revision, limit).await?;
        page.ok_or_else(|| unknown::<R>(&key.asset))
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        self.records.held_by(room, player).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.records.touch(room, now).await
    }

    async fn revoke(&self, revocation: &Revocation, now: Millis) -> Result<()> {
        self.records.revoke(revocation, now).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        self.records.revocations(now).await
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        self.records.clock().await
    }

    fn keeps_events(&self) -> bool {
        self.records.events_backlog().is_some()
    }

    fn needs_marks(&self) -> bool {
        self.records.needs_marks()
    }

    async fn mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.records.mark(room, now).await
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        self.records.waiting_rooms(after, limit).await
    }

    async fn take_events(
        &self,
        room: &RoomName,
        taker: Taker,
        limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        self.records.take_events(room, taker, limit).await
    }

    async fn acknowledge(&self, room: &RoomName, events: &[EventId], now: Millis) -> Result<()> {
        self.records.acknowledge(room, events, now).await
    }

    fn keeps_history(&self) -> HistoryKept {
        self.records.keeps_history()
    }

    async fn history(&self, key: &AssetKey, page: HistoryPage) -> Result<Vec<AssetEvent>> {
        self.records.history(key, page).await
    }

    async fn ping(&self) -> Result<()> {
        self.records.ping().await
    }
}

/// The pause after so many tries.
pub(super) fn pause(tried: u32) -> Duration {
    let share = f64::from(tried) / LONGEST_AT;
    LONGEST_PAUSE.mul_f64(fastrand::f64() * share.min(share.recip()))
}

fn unknown<R: RecordStore>(asset: &AssetName) -> StoreError {
    StoreError::unknown_asset(R::NAME, asset)
}

/// The call granted units, but the asset was removed since, so the winners are unknown.
fn removed_since<R: RecordStore>(asset: &AssetName) -> StoreError {
    let message = format!("asset {asset} was removed before it could be seen who got it");
    error::<R>(StoreErrorKind::OutcomeUnknown, message)
}

fn error<R: RecordStore>(kind: StoreErrorKind, message: String) -> StoreError {
    StoreError::new(R::NAME, kind, message)
}
