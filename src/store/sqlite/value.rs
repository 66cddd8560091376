use std::str::FromStr;

use rusqlite::{Error, Result, Row, types::Type};

use crate::{
    model::InvalidName,
    store::{StoreErrorKind, rules::Outcome},
};

/// Reads a number of up to 64 bits. SQLite's integers are signed, so larger values are stored as negative ones.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// Reads and validates a name, because other programs may have written to the file.
pub(super) fn name<N: FromStr<Err = InvalidName>>(row: &Row<'_>, column: usize) -> Result<N> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Reads a text that may be NULL, for the same reason.
pub(super) fn parsed<T, E>(row: &Row<'_>, column: usize) -> Result<Option<T>>
where
    T: FromStr<Err = E>,
    E: std::error::Error + Send + Sync + 'static,
{
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let parsed =
        text.parse().map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)));
    parsed.map(Some)
}

const UNCHANGED: &str = "unchanged";

/// The kinds of permanent refusals in the contract.
const REFUSALS: [StoreErrorKind; 4] = [
    StoreErrorKind::UnknownAsset,
    StoreErrorKind::NotHeld,
    StoreErrorKind::Conflict,
    StoreErrorKind::LimitReached,
];

/// The stored word of an outcome; `None` for `Changed`.
pub(super) fn word(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Changed => None,
        Outcome::Unchanged => Some(UNCHANGED),
        Outcome::Refused(kind) => Some(kind.as_str()),
    }
}

/// Reads an outcome that [`word`] has written.
pub(super) fn outcome(row: &Row<'_>, column: usize) -> Result<Outcome> {
    let Some(word) = row.get_ref(column)?.as_str_or_null()? else { return Ok(Outcome::Changed) };
    let kind = REFUSALS.into_iter().find(|kind| kind.as_str() == word);
    Ok(kind.map_or(Outcome::Unchanged, Outcome::Refused))
}
