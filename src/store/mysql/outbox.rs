//! The events of changes. Their texts sort in the order of an asset's changes.

use std::time::Duration;

use mysql_async::Row;

use super::{
    history::{self, SWEPT_EVERY},
    pool::Pool,
    pooled_conn::PooledConn,
    reads::{place, quoted},
    row::Cells,
    transaction::{Transaction, with_retries},
    writes,
};
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, RoomName},
    store::{AssetKey, HistoryLimits, Result, Taker, optimistic::Change, outbox::RoomLease, recent::Recent},
};

/// How long a node remembers that the backlog of an asset is full.
const FULL_FOR: Duration = Duration::from_secs(60);

/// Maximum number of events acknowledged in one transaction: packets of about 30 KB.
const ACKNOWLEDGED_AT_ONCE: usize = 128;

/// An event, and whose it is.
type Waiting = (AssetName, AssetEvent);

/// Keeps the changes of this node as events.
pub(super) struct Outbox {
    /// Maximum number of events of one asset.
    pub(super) backlog: usize,
    /// How much is kept of the events that were acknowledged; `None`: nothing.
    pub(super) history: Option<HistoryLimits>,
    /// Whether events that are too old were deleted recently.
    swept: Recent<()>,
    /// Assets with a full backlog. Their changes read the oldest events first and merge them; the changes of other assets
    /// need no read.
    full: Recent<AssetKey>,
}

/// What a change does to the waiting events of its asset.
#[derive(Default)]
pub(super) struct Append {
    /// The oldest events, which are merged.
    merged: Vec<AssetEvent>,
    added: Vec<AssetEvent>,
    /// Maximum number of events of the asset afterwards.
    backlog: usize,
}

impl Outbox {
    pub(super) fn new(backlog: usize, history: Option<HistoryLimits>) -> Self {
        let (swept, full) = (Recent::for_time(SWEPT_EVERY), Recent::for_time(FULL_FOR));
        Self { backlog: backlog.max(1), history, swept, full }
    }

    /// Which events are too old at `now`: those that happened at this time or before. `None`: they were deleted recently.
    pub(super) fn too_old(&self, now: Millis) -> Option<Millis> {
        let limits = self.history.filter(|_| !self.swept.has(&()))?;
        self.swept.note(());
        Some(limits.too_old(now))
    }

    /// Writes a change with its events. Returns `false` if the asset was changed since it was read.
    pub(super) async fn write(
        &self,
        conn: &mut PooledConn,
        key: &AssetKey,
        used_at: Option<Millis>,
        change: &Change,
    ) -> Result<bool> {
        let is_full = self.full.has(key);
        let plain = Append { merged: Vec::new(), added: change.events.clone(), backlog: self.backlog };
        if !is_full && writes::write(conn, key, used_at, change, &plain).await? {
            return Ok(true);
        }
        // Another node was faster, or the backlog is full.
        match self.merging(conn, key, &change.events).await? {
            Some(merging) => {
                self.full.note(key.clone());
                writes::write(conn, key, used_at, change, &merging).await
            }
            None if is_full => {
                self.full.forget(key);
                writes::write(conn, key, used_at, change, &plain).await
            }
            None => Ok(false),
        }
    }

    /// How to append events and merge the oldest; `None`: there is room for them.
    async fn merging(
        &self,
        conn: &mut PooledConn,
        key: &AssetKey,
        events: &[AssetEvent],
    ) -> Result<Option<Append>> {
        // The newest stay, one less than may wait. Those before them are merged into one.
        let staying = self.backlog - 1;
        let (before, staying_new) = events.split_at(events.len().saturating_sub(staying));
        let oldest = format!(
            "SELECT event FROM asset_arbiter_events WHERE {} ORDER BY event DESC LIMIT {}, {}",
            place(key),
            staying - staying_new.len(),
            u64::MAX
        );
        let rows = conn.ask_within(&oldest).await?.into_iter().flat_map(|answer| answer.rows);
        let mut oldest = rows.map(|row| Cells::of(row).text("an event")).collect::<Result<Vec<_>>>()?;
        oldest.reverse();
        let added = merge(&oldest, before, staying_new);
        Ok(added.map(|added| Append { merged: oldest, added, backlog: self.backlog }))
    }
}

/// Merges the oldest waiting events and the new ones `before` those that stay. Returns the events to add; `None`: there are
/// not two to merge.
fn merge(oldest: &[AssetEvent], before: &[AssetEvent], staying: &[AssetEvent]) -> Option<Vec<AssetEvent>> {
    let mut all = oldest.iter().chain(before);
    let (first, last) = (all.next()?, all.next_back()?);
    Some([&[last.merged_with(first)], staying].concat())
}

impl Append {
    /// Adds the statements to the transaction of the change, which stops if more events would wait than may.
    pub(super) fn add_to(&self, transaction: &mut Transaction, key: &AssetKey) {
        let AssetKey { room, asset } = key;
        if let Some(newest) = self.merged.last() {
            let delete =
                format!("DELETE FROM asset_arbiter_events WHERE {} AND event <= '{newest}'", place(key));
            // Fewer if some were acknowledged since they were read.
            transaction.change(self.merged.len(), delete);
        }
        if self.added.is_empty() {
            return;
        }
        let rows: Vec<_> = self.added.iter().map(|event| format!("('{room}', '{asset}', '{event}')")).collect();
        let insert =
            format!("INSERT INTO asset_arbiter_events (room, asset, event) VALUES {}", rows.join(", "));
        transaction.change(self.added.len(), insert);
        let waiting = format!("SELECT COUNT(*) FROM asset_arbiter_events WHERE {}", place(key));
        transaction.stop_if(&format!("({waiting}) > {}", self.backlog));
    }
}

/// At most `limit` rooms after `after` in which events wait, ordered by name.
pub(super) async fn waiting_rooms(pool: &Pool, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
    let after = after.as_ref().map_or("", RoomName::as_str);
    let statement = format!(
        "SELECT DISTINCT room FROM asset_arbiter_events WHERE room > '{after}' ORDER BY room LIMIT {limit}"
    );
    let rows = pool.read(&statement).await?.into_iter();
    rows.map(|row| Cells::of(row).text("a room")).collect()
}

/// Hands out at most `limit` events of a room, unless another taker has it.
pub(super) async fn take(pool: &Pool, room: &RoomName, taker: Taker, limit: usize) -> Result<Vec<Waiting>> {
    let what = format!("the events of room {room} are taken");
    with_retries(&what, || take_once(pool, room, taker, limit)).await
}

/// Returns `None` if the lease was changed since it was read. It is not locked before, so that those who look at a room that
/// another has lock nothing.
async fn take_once(pool: &Pool, room: &RoomName, taker: Taker, limit: usize) -> Result<Option<Vec<Waiting>>> {
    let lease = match lease(pool.read(&lease_of(room)).await?)? {
        Some(lease) => lease,
        None => {
            // No other is like it, so it tells if another taker came and went meanwhile.
            let own = RoomLease::default().after_take(Taker { until: 0, ..taker }, &[]);
            let insert =
                format!("INSERT INTO asset_arbiter_event_leases (room, lease) VALUES ('{room}', '{own}')");
            if Transaction::new(None, insert).run(&mut pool.checkout().await?).await?.is_none() {
                return Ok(None);
            }
            own
        }
    };
    if !lease.is_free_for(taker) {
        return Ok(Some(Vec::new()));
    }
    let in_turn = |condition: &str| {
        format!(
            "SELECT asset, event FROM asset_arbiter_events WHERE room = '{room}'{condition} \
             ORDER BY asset, event LIMIT {limit}"
        )
    };
    let statements = match lease.turn_of(taker) {
        None => vec![in_turn("")],
        Some(turn) => [">", "<="].map(|side| in_turn(&format!(" AND asset {side} '{turn}'"))).into(),
    };
    let (answers, mut conn) = pool.snapshot(&statements).await?;
    let events = answers.into_iter().flatten().take(limit).map(waiting).collect::<Result<Vec<_>>>()?;
    let next = lease.after_take(taker, &events);
    if next == lease && !events.is_empty() {
        return Ok(Some(events));
    }
    let unchanged = unchanged(room, &lease);
    let claim = if events.is_empty() {
        format!("DELETE FROM asset_arbiter_event_leases WHERE {unchanged}")
    } else {
        format!("UPDATE asset_arbiter_event_leases SET lease = '{next}' WHERE {unchanged}")
    };
    let claimed = Transaction::new(None, claim).run(&mut conn).await?;
    Ok((claimed == Some(1) || events.is_empty()).then_some(events))
}

/// Moves events to the history, or deletes them if none is kept, and deletes the lease of a room without any.
pub(super) async fn acknowledge(
    pool: &Pool,
    room: &RoomName,
    events: &[EventId],
    history: Option<HistoryLimits>,
) -> Result<()> {
    let what = format!("the events of room {room} are acknowledged");
    let mut events: Vec<_> = events.iter().collect();
    events.sort_unstable_by_key(|id| (&id.asset, id.origin, id.revision));
    for events in events.chunks(ACKNOWLEDGED_AT_ONCE) {
        with_retries(&what, || acknowledge_once(pool, room, events, history.is_some())).await?;
    }
    let Some(limits) = history else { return Ok(()) };
    for events in events.chunk_by(|a, b| a.asset == b.asset) {
        if limits.counts_now(events.len()) {
            history::delete_surplus(pool, &AssetKey::new(room, &events[0].asset), limits).await?;
        }
    }
    Ok(())
}

/// Returns `None` if the lease or the events were changed since they were read.
async fn acknowledge_once(
    pool: &Pool,
    room: &RoomName,
    ids: &[&EventId],
    keeps_history: bool,
) -> Result<Option<()>> {
    let of_assets: Vec<_> = ids.chunk_by(|a, b| a.asset == b.asset).collect();
    let few = format!("SELECT 1 FROM asset_arbiter_events WHERE room = '{room}' LIMIT {}", ids.len() + 1);
    let mut statements = vec![lease_of(room), few];
    statements.extend(of_assets.iter().filter_map(|ids| between(room, ids)));
    let (answers, mut conn) = pool.snapshot(&statements).await?;
    let mut answers = answers.into_iter();
    let stored = lease(answers.next().unwrap_or_default())?;
    let all = answers.next().unwrap_or_default().len();
    let (mut deletions, mut moved) = (Vec::new(), Vec::new());
    for (ids, rows) in of_assets.into_iter().zip(answers) {
        let events = rows.into_iter().map(waiting).collect::<Result<Vec<_>>>()?;
        let found = events.into_iter().filter(|(_, event)| ids.iter().any(|id| id.is_of(event)));
        let found: Vec<_> = found.collect();
        deletions.extend(deletion(room, &found));
        moved.extend(found);
    }
    let of_lease = stored.and_then(|lease| lease_change(room, lease, moved.len(), moved.len() == all));
    let mut changes = of_lease.map(|statement| (1, statement)).into_iter().chain(deletions);
    let Some((rows, first)) = changes.next() else { return Ok(Some(())) };
    let mut transaction = Transaction::new(None, first);
    transaction.stop_unless_changed(rows);
    changes.for_each(|(rows, statement)| transaction.change(rows, statement));
    if keeps_history && !moved.is_empty() {
        transaction.any(history::insertion(room, &moved));
    }
    Ok(transaction.run(&mut conn).await?.map(|_| ()))
}

/// The events of one asset from the first of these ids, which are in order, to the last.
fn between(room: &RoomName, ids: &[&EventId]) -> Option<String> {
    let (first, last) = (ids.first()?, ids.last()?);
    Some(format!(
        "SELECT asset, event FROM asset_arbiter_events WHERE room = '{room}' AND asset = '{}' \
         AND event >= '{}' AND event < '{}~'",
        first.asset,
        first.prefix(),
        last.prefix()
    ))
}

/// Deletes events of one asset: how many there are, and the statement.
fn deletion(room: &RoomName, found: &[Waiting]) -> Option<(usize, String)> {
    let (asset, _) = found.first()?;
    let events = quoted(found.iter().map(|(_, event)| event));
    let delete = format!(
        "DELETE FROM asset_arbiter_events WHERE room = '{room}' AND asset = '{asset}' AND event IN ({events})"
    );
    Some((found.len(), delete))
}

/// Changes a lease after so many events were deleted. Any change of it tells a taker who has just read these events that they
/// are gone, so a lease that nobody has is deleted, as is that of a room without events.
fn lease_change(room: &RoomName, lease: RoomLease, deleted: usize, is_empty: bool) -> Option<String> {
    let unchanged = unchanged(room, &lease);
    let next = lease.clone().after_deletion(deleted);
    let delete = || format!("DELETE FROM asset_arbiter_event_leases WHERE {unchanged}");
    let update = || format!("UPDATE asset_arbiter_event_leases SET lease = '{next}' WHERE {unchanged}");
    match (is_empty, deleted) {
        (true, _) => Some(delete()),
        (false, 0) => None,
        (false, _) => Some(if next == lease { delete() } else { update() }),
    }
}

fn unchanged(room: &RoomName, lease: &RoomLease) -> String {
    format!("room = '{room}' AND lease = '{lease}'")
}

fn lease_of(room: &RoomName) -> String {
    format!("SELECT lease FROM asset_arbiter_event_leases WHERE room = '{room}'")
}

/// Parses the answer to [`lease_of`].
fn lease(rows: Vec<Row>) -> Result<Option<RoomLease>> {
    rows.into_iter().next().map(|row| Cells::of(row).text("a lease")).transpose()
}

/// Reads an asset and its event.
pub(super) fn waiting(row: Row) -> Result<Waiting> {
    let mut cells = Cells::of(row);
    Ok((cells.text("asset")?, cells.text("an event")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::AssetOutbox;

    fn events(revisions: impl Iterator<Item = u64>) -> Vec<AssetEvent> {
        let text = |revision| format!("{:016x}/{revision:016}/{revision}/granted/7/9/3////ann", revision / 7);
        revisions.map(|revision| text(revision).parse().unwrap()).collect()
    }

    /// As if each event were pushed by itself.
    #[test]
    fn a_batch_merges_as_its_events_one_by_one_do() {
        for (backlog, waiting, new) in (1..6)
            .flat_map(|backlog| (0..9).flat_map(move |waiting| (1..9).map(move |new| (backlog, waiting, new))))
        {
            let (old, new) = (events(0..waiting), events(waiting..waiting + new));
            let mut outbox = AssetOutbox::default();
            old.iter().for_each(|event| outbox.push(event.clone(), usize::MAX));
            new.iter().for_each(|event| outbox.push(event.clone(), backlog));
            let (before, staying) = new.split_at(new.len().saturating_sub(backlog - 1));
            let oldest = old.len().saturating_sub(backlog - 1 - staying.len());
            let merged = merge(&old[..oldest], before, staying);
            let gone = if merged.is_some() { oldest } else { 0 };
            let mut left: Vec<_> = old[gone..].iter().chain(merged.as_ref().unwrap_or(&new)).collect();
            left.sort_by_key(|event| event.to_string());
            assert!(
                left.into_iter().eq(outbox.iter()),
                "{waiting} wait, {} are new, at most {backlog}",
                new.len()
            );
        }
    }
}
