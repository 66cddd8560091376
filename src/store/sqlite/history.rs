//! The events that were acknowledged.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{outbox, value::parsed};
use crate::{
    model::{AssetEvent, AssetName, Millis, NoEvent, RoomName},
    store::{AssetKey, HistoryLimits, HistoryPage},
};

/// How many events that are too old are deleted at least after an acknowledgement. Besides, twice as many as it has, so that no
/// more stay than are young enough.
const DELETED_AT_ONCE: usize = 16;

const INSERT: &str = "INSERT OR IGNORE INTO history (room, asset, event, at) VALUES (?1, ?2, ?3, ?4)";
const DELETE_OLD: &str = "DELETE FROM history WHERE (room, asset, event) IN
    (SELECT room, asset, event FROM history WHERE at <= ?1 ORDER BY at LIMIT ?2)";
const NEWEST_SURPLUS: &str = "SELECT event FROM history WHERE room = ?1 AND asset = ?2
    ORDER BY event DESC LIMIT 1 OFFSET ?3";
const DELETE_SURPLUS: &str = "DELETE FROM history WHERE room = ?1 AND asset = ?2 AND event <= ?3";
const PAGE: &str = "SELECT event FROM history WHERE room = ?1 AND asset = ?2 AND event > ?3 AND at > ?4
    ORDER BY event LIMIT ?5";

/// Adds an event of an asset of a room.
pub(super) fn add(db: &Connection, room: &RoomName, asset: &AssetName, event: &AssetEvent) -> Result<()> {
    let (text, at) = (event.to_string(), event.at.cast_signed());
    db.prepare_cached(INSERT)?.execute(params![room.as_str(), asset.as_str(), text, at]).map(drop)
}

/// Deletes some of the events that are too old at `now`, after so many were added.
pub(super) fn delete_old(db: &Connection, limits: HistoryLimits, now: Millis, added: usize) -> Result<()> {
    let most = i64::try_from(DELETED_AT_ONCE + 2 * added).unwrap_or(i64::MAX);
    let too_old = limits.too_old(now).cast_signed();
    db.prepare_cached(DELETE_OLD)?.execute(params![too_old, most]).map(drop)
}

/// Deletes the oldest events of an asset beyond the most that it may have.
pub(super) fn delete_surplus(
    db: &Connection,
    room: &RoomName,
    asset: &AssetName,
    limits: HistoryLimits,
) -> Result<()> {
    let most = i64::try_from(limits.events).unwrap_or(i64::MAX);
    let newest = db
        .prepare_cached(NEWEST_SURPLUS)?
        .query_row(params![room.as_str(), asset.as_str(), most], |row| row.get::<_, String>(0))
        .optional()?;
    let Some(newest) = newest else { return Ok(()) };
    db.prepare_cached(DELETE_SURPLUS)?.execute([room.as_str(), asset.as_str(), &newest]).map(drop)
}

/// A page of the history of an asset.
pub(super) fn page(
    db: &Connection,
    key: &AssetKey,
    page: HistoryPage,
    limits: HistoryLimits,
) -> Result<Vec<AssetEvent>> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let (bound, too_old) = (page.bound(), limits.too_old(page.now).cast_signed());
    let mut statement = db.prepare_cached(PAGE)?;
    let asked = params![key.room.as_str(), key.asset.as_str(), bound, too_old, limit];
    let acknowledged = statement
        .query_map(asked, |row| parsed::<AssetEvent, NoEvent>(row, 0)?.ok_or(rusqlite::Error::InvalidQuery))?;
    let acknowledged = acknowledged.collect::<Result<Vec<_>>>()?;
    let waiting = outbox::waiting(db, key, &bound, limit)?;
    Ok(page.of(acknowledged, waiting, limits))
}
