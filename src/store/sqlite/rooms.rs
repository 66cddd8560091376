use rusqlite::{Connection, Result, params};

use crate::{
    model::{Millis, RoomName},
    store::expiry::note_if_used_at,
};

/// Maximum number of rooms removed in one change, because a group must not wait for a long sweep.
pub(super) const EXPIRED_AT_ONCE: usize = 64;

const ENTER: &str = "INSERT INTO rooms (room, last_used) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET last_used = excluded.last_used WHERE last_used <= ?3";
const USED: &str = "UPDATE rooms SET last_used = ?2 WHERE room = ?1 AND last_used <= ?3";
const REMOVE: &str = "DELETE FROM rooms WHERE room = ?1";
const EXPIRE: &str = "DELETE FROM rooms WHERE room IN
    (SELECT room FROM rooms WHERE last_used <= ?1 ORDER BY last_used LIMIT ?2)";

/// Creates the room if necessary, and records that it is in use.
pub(super) fn enter(db: &Connection, room: &RoomName, now: Millis) -> Result<()> {
    note(db, ENTER, room, now)
}

/// Records that an existing room is in use, unless that was recorded recently.
pub(super) fn used(db: &Connection, room: &RoomName, now: Millis) -> Result<()> {
    note(db, USED, room, now)
}

fn note(db: &Connection, sql: &str, room: &RoomName, now: Millis) -> Result<()> {
    let (before, now) = (note_if_used_at(now).cast_signed(), now.cast_signed());
    db.prepare_cached(sql)?.execute(params![room.as_str(), now, before]).map(drop)
}

/// Removes a room with all its contents.
pub(super) fn remove(db: &Connection, room: &RoomName) -> Result<()> {
    db.prepare_cached(REMOVE)?.execute([room.as_str()]).map(drop)
}

/// Removes rooms last noted at or before `before`, and returns their number.
pub(super) fn expire(db: &Connection, before: Millis) -> Result<usize> {
    db.prepare_cached(EXPIRE)?.execute(params![before.cast_signed(), EXPIRED_AT_ONCE as i64])
}
