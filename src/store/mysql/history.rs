//! The events that were acknowledged, in the order of their texts.

use std::time::Duration;

use super::{
    outbox,
    pool::Pool,
    reads::place,
    row::Cells,
    transaction::{Transaction, with_retries},
};
use crate::{
    model::{AssetEvent, AssetName, Millis, RoomName},
    store::{AssetKey, HistoryLimits, HistoryPage, Result},
};

/// How often a node that acknowledges events deletes those that are too old.
pub(super) const SWEPT_EVERY: Duration = Duration::from_secs(10);

/// Maximum number of events deleted in one transaction: few enough that no call waits for it.
const DELETED_AT_ONCE: u64 = 1000;

/// Adds events of an asset to its history, as part of the transaction that deletes them where they wait.
pub(super) fn insertion(room: &RoomName, events: &[(AssetName, AssetEvent)]) -> String {
    let row =
        |(asset, event): &(AssetName, AssetEvent)| format!("('{room}', '{asset}', '{event}', {})", event.at);
    let rows: Vec<_> = events.iter().map(row).collect();
    // A late copy of the call that created an asset may have made the same event again.
    format!(
        "INSERT IGNORE INTO asset_arbiter_history (room, asset, event, happened_at) VALUES {}",
        rows.join(", ")
    )
}

/// A page of the history of an asset, in one snapshot with the events that wait.
pub(super) async fn page(
    pool: &Pool,
    key: &AssetKey,
    page: HistoryPage,
    limits: HistoryLimits,
) -> Result<Vec<AssetEvent>> {
    let (place, bound, limit) = (place(key), page.bound(), page.limit);
    let too_old = limits.too_old(page.now);
    let [acknowledged, waiting] = [
        format!("asset_arbiter_history WHERE {place} AND happened_at > {too_old}"),
        format!("asset_arbiter_events WHERE {place}"),
    ]
    .map(|events| {
        format!("SELECT asset, event FROM {events} AND event > '{bound}' ORDER BY event LIMIT {limit}")
    });
    let (answers, _) = pool.snapshot(&[acknowledged, waiting]).await?;
    let mut answers = answers.into_iter().map(|rows| {
        let events = rows.into_iter().map(outbox::waiting).map(|waiting| waiting.map(|(_, event)| event));
        events.collect::<Result<Vec<_>>>()
    });
    let mut next = || answers.next().transpose().map(Option::unwrap_or_default);
    Ok(page.of(next()?, next()?, limits))
}

/// Deletes the oldest events of an asset beyond the most that it may have.
pub(super) async fn delete_surplus(pool: &Pool, key: &AssetKey, limits: HistoryLimits) -> Result<()> {
    let place = place(key);
    let newest = format!(
        "SELECT event FROM asset_arbiter_history WHERE {place} ORDER BY event DESC LIMIT {}, 1",
        limits.events
    );
    let Some(newest) = pool.read(&newest).await?.into_iter().next() else { return Ok(()) };
    let newest: AssetEvent = Cells::of(newest).text("an event")?;
    let delete = format!("DELETE FROM asset_arbiter_history WHERE {place} AND event <= '{newest}'");
    let delete = || async { Transaction::new(None, delete.clone()).run(&mut pool.checkout().await?).await };
    with_retries("the history of an asset is changed", delete).await.map(drop)
}

/// Deletes all events that happened at or before `too_old`, in small batches.
pub(super) async fn delete_old(pool: &Pool, too_old: Millis) -> Result<()> {
    let delete = format!(
        "DELETE FROM asset_arbiter_history WHERE happened_at <= {too_old} ORDER BY happened_at LIMIT {DELETED_AT_ONCE}"
    );
    loop {
        let mut conn = pool.checkout().await?;
        let answers = conn.ask(&delete).await?;
        if answers.first().is_none_or(|answer| answer.affected < DELETED_AT_ONCE) {
            return Ok(());
        }
    }
}
