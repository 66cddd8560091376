//! The events of changes. Their texts sort in the order of an asset's changes.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::{
    history,
    value::{name, parsed},
};
use crate::{
    model::{AssetEvent, AssetName, EventId, Millis, NoEvent, RoomName},
    store::{AssetKey, HistoryLimits, Taker, outbox::RoomLease},
};

// A late copy of a call that created an asset may come after the removal of the room, and make the same record again.
const INSERT: &str = "INSERT OR IGNORE INTO events (room, asset, event) VALUES (?1, ?2, ?3)";
const COUNT: &str = "SELECT count(*) FROM events WHERE room = ?1 AND asset = ?2";
const OLDEST: &str = "SELECT asset, event FROM events WHERE room = ?1 AND asset = ?2 ORDER BY event LIMIT ?3";
const DELETE: &str = "DELETE FROM events WHERE room = ?1 AND asset = ?2 AND event >= ?3 AND event < ?4
    RETURNING event";
const OF_ASSET: &str = "SELECT asset, event FROM events WHERE room = ?1 AND asset = ?2 AND event > ?4
    ORDER BY event LIMIT ?3";
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM events WHERE room = ?1)";
const NEXT_ROOM: &str = "SELECT room FROM events WHERE room > ?1 ORDER BY room LIMIT 1";
const AFTER: &str =
    "SELECT asset, event FROM events WHERE room = ?1 AND asset > ?2 ORDER BY asset, event LIMIT ?3";
const UP_TO: &str =
    "SELECT asset, event FROM events WHERE room = ?1 AND asset <= ?2 ORDER BY asset, event LIMIT ?3";
const LEASE: &str = "SELECT lease FROM event_leases WHERE room = ?1";
const SET_LEASE: &str = "INSERT INTO event_leases (room, lease) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET lease = excluded.lease";
const FREE: &str = "DELETE FROM event_leases WHERE room = ?1";

/// An event, and whose it is.
type Waiting = (AssetName, AssetEvent);

/// Appends an event. If more than `backlog` wait for the asset, the oldest are merged.
pub(super) fn append(db: &Connection, key: &AssetKey, event: &AssetEvent, backlog: usize) -> Result<()> {
    let (room, asset) = (key.room.as_str(), key.asset.as_str());
    db.prepare_cached(INSERT)?.execute(params![room, asset, event.to_string()])?;
    let count: u32 = db.prepare_cached(COUNT)?.query_row([room, asset], |row| row.get(0))?;
    let surplus = (count as usize).saturating_sub(backlog.max(1));
    if surplus == 0 {
        return Ok(());
    }
    let merged = rows(db, OLDEST, key.room.as_str(), asset, surplus + 1)?;
    let (Some((_, oldest)), Some((_, newest))) = (merged.first(), merged.last()) else { return Ok(()) };
    for (_, event) in &merged {
        delete(db, &event.id(&key.room, &key.asset))?;
    }
    let merged = newest.merged_with(oldest).to_string();
    db.prepare_cached(INSERT)?.execute(params![room, asset, merged]).map(drop)
}

/// At most `limit` rooms after `after` in which events wait, ordered by name.
pub(super) fn waiting_rooms(db: &Connection, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>> {
    let mut rooms: Vec<RoomName> = Vec::new();
    // One look-up for each room, however many events wait in it.
    while rooms.len() < limit {
        let last = rooms.last().or(after).map_or("", RoomName::as_str);
        let next = db.prepare_cached(NEXT_ROOM)?.query_row([last], |row| name(row, 0)).optional()?;
        let Some(next) = next else { break };
        rooms.push(next);
    }
    Ok(rooms)
}

/// Hands out at most `limit` events of a room, unless another taker has it.
pub(super) fn take(db: &Connection, room: &RoomName, taker: Taker, limit: usize) -> Result<Vec<Waiting>> {
    let lease = lease(db, room)?;
    if !lease.is_free_for(taker) {
        return Ok(Vec::new());
    }
    let turn = lease.turn_of(taker).map_or("", AssetName::as_str);
    let mut events = rows(db, AFTER, room.as_str(), turn, limit)?;
    events.extend(rows(db, UP_TO, room.as_str(), turn, limit - events.len())?);
    if !events.is_empty() {
        let lease = lease.after_take(taker, &events).to_string();
        db.prepare_cached(SET_LEASE)?.execute([room.as_str(), &lease])?;
    }
    Ok(events)
}

/// Moves events to the history, or deletes them if none is kept, and deletes the lease of a room without any.
pub(super) fn acknowledge(
    db: &Connection,
    room: &RoomName,
    events: &[EventId],
    kept: Option<HistoryLimits>,
    now: Millis,
) -> Result<()> {
    let (mut moved, mut of_assets) = (0, BTreeMap::<&AssetName, usize>::new());
    for id in events {
        let Some(event) = delete(db, id)? else { continue };
        moved += 1;
        if kept.is_some() {
            history::add(db, room, &id.asset, &event)?;
            *of_assets.entry(&id.asset).or_default() += 1;
        }
    }
    if let Some(limits) = kept {
        history::delete_old(db, limits, now, moved)?;
        for (asset, added) in of_assets {
            if limits.counts_now(added) {
                history::delete_surplus(db, room, asset, limits)?;
            }
        }
    }
    if db.prepare_cached(IS_EMPTY)?.query_row([room.as_str()], |row| row.get(0))? {
        return db.prepare_cached(FREE)?.execute([room.as_str()]).map(drop);
    }
    let lease = lease(db, room)?.after_deletion(moved).to_string();
    db.prepare_cached(SET_LEASE)?.execute([room.as_str(), &lease]).map(drop)
}

/// At most `limit` events of an asset whose texts sort after `bound`.
pub(super) fn waiting(db: &Connection, key: &AssetKey, bound: &str, limit: i64) -> Result<Vec<AssetEvent>> {
    let mut statement = db.prepare_cached(OF_ASSET)?;
    let asked = params![key.room.as_str(), key.asset.as_str(), limit, bound];
    let found = statement.query_map(asked, event)?.map(|waiting| waiting.map(|(_, event)| event));
    found.collect()
}

/// Deletes an event, if it is there.
fn delete(db: &Connection, id: &EventId) -> Result<Option<AssetEvent>> {
    let prefix = id.prefix();
    // The character after "/".
    let end = format!("{}0", &prefix[..prefix.len() - 1]);
    let mut statement = db.prepare_cached(DELETE)?;
    let deleted = statement.query_map([id.room.as_str(), id.asset.as_str(), &prefix, &end], |row| {
        parsed::<AssetEvent, NoEvent>(row, 0)?.ok_or(rusqlite::Error::InvalidQuery)
    })?;
    // Reads on after the first row, because the statement deletes only when it is run to its end.
    deleted.collect::<Result<Vec<_>>>().map(|mut deleted| deleted.pop())
}

fn lease(db: &Connection, room: &RoomName) -> Result<RoomLease> {
    let read = |row: &Row<'_>| parsed::<RoomLease, NoEvent>(row, 0);
    let found = db.prepare_cached(LEASE)?.query_row([room.as_str()], read).optional()?;
    Ok(found.flatten().unwrap_or_default())
}

fn rows(db: &Connection, sql: &str, room: &str, asset: &str, limit: usize) -> Result<Vec<Waiting>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare_cached(sql)?;
    statement.query_map(params![room, asset, limit], event)?.collect()
}

/// Reads an asset and its event.
fn event(row: &Row<'_>) -> Result<Waiting> {
    let event = parsed::<AssetEvent, NoEvent>(row, 1)?;
    Ok((name(row, 0)?, event.ok_or(rusqlite::Error::InvalidQuery)?))
}
