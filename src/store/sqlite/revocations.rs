use rusqlite::{Connection, Result, params};

use crate::model::Millis;

const ADD: &str = "INSERT INTO revocations (revocation, ends_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
const DROP_ENDED: &str = "DELETE FROM revocations WHERE ends_at <= ?1";
const ALL: &str = "SELECT revocation FROM revocations WHERE ends_at > ?1";

/// Adds a revocation, given as text, and deletes those that have ended at `now`.
pub(super) fn add(db: &Connection, text: &str, until: Millis, now: Millis) -> Result<()> {
    db.prepare_cached(DROP_ENDED)?.execute([integer(now)])?;
    db.prepare_cached(ADD)?.execute(params![text, integer(until)]).map(drop)
}

/// The texts of the revocations that have not ended at `now`.
pub(super) fn all(db: &Connection, now: Millis) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached(ALL)?;
    let texts = statement.query_map([integer(now)], |row| row.get(0))?;
    texts.collect()
}

/// SQLite's integers are signed, and times are compared.
fn integer(time: Millis) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}
