use super::{
    pool::Pool,
    row::Cells,
    transaction::{Transaction, with_retries},
};
use crate::{
    model::{Millis, RoomName},
    store::{Result, expiry::note_if_used_at},
};

/// Maximum number of expired rooms read at once.
const ROOMS_AT_ONCE: usize = 64;

/// Creates the room if necessary, and records that it is in use.
pub(super) fn enter(room: &RoomName, now: Millis) -> String {
    format!(
        "INSERT INTO asset_arbiter_rooms (room, used_at) VALUES ('{room}', {now}) \
         ON DUPLICATE KEY UPDATE used_at = GREATEST(used_at, {now})"
    )
}

/// Records that the room is in use, unless that was recorded recently.
pub(super) fn used(room: &RoomName, now: Millis, used_at: Option<Millis>) -> Option<String> {
    (used_at? <= note_if_used_at(now)).then(|| note(room, now))
}

fn note(room: &RoomName, now: Millis) -> String {
    let before = note_if_used_at(now);
    format!("UPDATE asset_arbiter_rooms SET used_at = {now} WHERE room = '{room}' AND used_at <= {before}")
}

/// Records that an existing room is in use.
pub(super) async fn touch(pool: &Pool, room: &RoomName, now: Millis) -> Result<()> {
    let mut conn = pool.checkout().await?;
    conn.ask(&note(room, now)).await?;
    Ok(())
}

/// Removes a room with all its contents.
pub(super) async fn remove(pool: &Pool, room: &RoomName) -> Result<()> {
    let remove = || async { removal(room, None).run(&mut pool.checkout().await?).await };
    with_retries(&format!("room {room} is changed"), remove).await.map(drop)
}

/// Removes rooms last noted at or before `before`, in small batches.
pub(super) async fn expire(pool: &Pool, before: Millis) -> Result<()> {
    loop {
        let unused = format!(
            "SELECT room FROM asset_arbiter_rooms WHERE used_at <= {before} ORDER BY used_at LIMIT {ROOMS_AT_ONCE}"
        );
        let rooms = pool.read(&unused).await?;
        let all = rooms.len() < ROOMS_AT_ONCE;
        for row in rooms {
            removal(&Cells::of(row).text("room")?, Some(before)).run(&mut pool.checkout().await?).await?;
        }
        if all {
            return Ok(());
        }
    }
}

/// Removes a room, unless it was noted as used after `before`. Its holders stop counting at once and are
/// deleted later.
fn removal(room: &RoomName, before: Option<Millis>) -> Transaction {
    let unused = before.map_or_else(String::new, |before| format!(" AND used_at <= {before}"));
    let claim = format!("DELETE FROM asset_arbiter_rooms WHERE room = '{room}'{unused}");
    let mut transaction = Transaction::new(None, claim);
    if before.is_some() {
        transaction.stop_unless_changed(1);
    }
    transaction.any(format!(
        "INSERT INTO asset_arbiter_leftovers (origin, creation) \
         SELECT origin, creation FROM asset_arbiter_assets WHERE room = '{room}' AND held > 0 FOR UPDATE"
    ));
    transaction.any(format!("DELETE FROM asset_arbiter_assets WHERE room = '{room}'"));
    transaction
}
