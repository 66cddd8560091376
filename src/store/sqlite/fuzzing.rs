use rusqlite::{
    Connection, Row,
    types::{ToSqlOutput, ValueRef},
};

use super::value::{name, number, outcome, word};
use crate::{model::PlayerName, store::rules::Outcome};

thread_local! {
    static DB: Connection = Connection::open_in_memory().expect("SQLite opens in memory");
}

/// Reads a value that SQLite returns. The first byte is its type: `i`, `r`, `t` or `b` (integer, real, text, blob);
/// any other is NULL.
///
/// # Panics
/// The value does not survive encoding.
pub fn sqlite_value(bytes: &[u8]) -> bool {
    let Some((kind, rest)) = bytes.split_first() else { return false };
    let eight = rest.first_chunk::<8>().copied().unwrap_or_default();
    let value = match kind {
        b'i' => ValueRef::Integer(i64::from_le_bytes(eight)),
        b'r' => ValueRef::Real(f64::from_le_bytes(eight)),
        b't' => ValueRef::Text(rest),
        b'b' => ValueRef::Blob(rest),
        _ => ValueRef::Null,
    };
    DB.with(|db| select(db, value, |row| Ok(read(row, row.get_ref(0)?)))).expect("a value is selected")
}

fn select<T>(
    db: &Connection,
    value: ValueRef<'_>,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    db.prepare_cached("SELECT ?1")?.query_row([ToSqlOutput::Borrowed(value)], read)
}

fn read(row: &Row<'_>, value: ValueRef<'_>) -> bool {
    let (number, name, outcome) = (number(row, 0), name::<PlayerName>(row, 0), outcome(row, 0));
    if let Ok(number) = &number {
        assert_eq!(ValueRef::Integer(number.cast_signed()), value);
    }
    if let Ok(name) = &name {
        assert_eq!(ValueRef::Text(name.as_str().as_bytes()), value);
    }
    if let Ok(outcome) = outcome {
        let encoded = word(outcome).map_or(ValueRef::Null, |word| ValueRef::Text(word.as_bytes()));
        // An unknown word counts as unchanged.
        assert!(encoded == value || outcome == Outcome::Unchanged, "{outcome:?} of {value:?}");
    }
    number.is_ok() || name.is_ok() || outcome.is_ok()
}
