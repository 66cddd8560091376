use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rusqlite::{Connection, Result, params};

use crate::model::{Millis, RoomName};

/// Maximum number of rooms removed in one change, because a group must not wait for a long sweep.
const EXPIRED_AT_ONCE: usize = 64;

/// The minimum time between sweeps, in milliseconds. Expired rooms only accumulate while something is created,
/// so creations trigger the sweep.
const SWEEP_EVERY: Millis = 60_000;

/// The minimum time between writes of a room's last use, in milliseconds, so that not every call writes. A room
/// expires that much later.
const NOTED_EVERY: Millis = 60_000;

const ENTER: &str = "INSERT INTO rooms (room, last_used) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET last_used = excluded.last_used WHERE last_used <= ?3";
const USED: &str = "UPDATE rooms SET last_used = ?2 WHERE room = ?1 AND last_used <= ?3";
const REMOVE: &str = "DELETE FROM rooms WHERE room = ?1";
const EXPIRE: &str = "DELETE FROM rooms WHERE room IN
    (SELECT room FROM rooms WHERE last_used <= ?1 ORDER BY last_used LIMIT ?2)";

/// The expiry of rooms.
#[derive(Debug)]
pub(super) struct Expiry {
    ttl: Option<Millis>,
    swept_at: AtomicU64,
}

impl Expiry {
    pub(super) fn new(ttl: Option<Duration>) -> Self {
        Self { ttl: ttl.map(|ttl| ttl.as_millis() as Millis), swept_at: AtomicU64::new(0) }
    }

    pub(super) fn ttl(&self) -> Option<Duration> {
        self.ttl.map(Duration::from_millis)
    }

    /// If a sweep is due: the time at or before which a room must have been noted last to expire.
    pub(super) fn due(&self, now: Millis) -> Option<Millis> {
        let before = now.checked_sub(self.ttl?)?.checked_sub(NOTED_EVERY)?;
        let last = self.swept_at.load(Ordering::Relaxed);
        if now < last.saturating_add(SWEEP_EVERY) {
            return None;
        }
        self.swept_at.store(now, Ordering::Relaxed);
        Some(before)
    }

    /// Schedules the next sweep at once if this one may not have removed all.
    pub(super) fn swept(&self, gone: usize) {
        if gone == EXPIRED_AT_ONCE {
            self.swept_at.store(0, Ordering::Relaxed);
        }
    }
}

/// Creates the room if necessary, and records that it is in use.
pub(super) fn enter(db: &Connection, room: &RoomName, now: Millis) -> Result<()> {
    note(db, ENTER, room, now)
}

/// Records that an existing room is in use, unless that was recorded recently.
pub(super) fn used(db: &Connection, room: &RoomName, now: Millis) -> Result<()> {
    note(db, USED, room, now)
}

fn note(db: &Connection, sql: &str, room: &RoomName, now: Millis) -> Result<()> {
    let (now, every) = (now.cast_signed(), NOTED_EVERY.cast_signed());
    db.prepare_cached(sql)?.execute(params![room.as_str(), now, now.saturating_sub(every)])?;
    Ok(())
}

/// Removes a room with all its contents.
pub(super) fn remove(db: &Connection, room: &RoomName) -> Result<()> {
    db.prepare_cached(REMOVE)?.execute([room.as_str()])?;
    Ok(())
}

/// Removes rooms last noted at or before `before`, and returns their number.
pub(super) fn expire(db: &Connection, before: Millis) -> Result<usize> {
    db.prepare_cached(EXPIRE)?.execute(params![before.cast_signed(), EXPIRED_AT_ONCE as i64])
}
