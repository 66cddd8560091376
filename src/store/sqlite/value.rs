use std::str::FromStr;

use rusqlite::{Error, Result, Row, types::Type};

use crate::{
    model::InvalidName,
    store::{StoreErrorKind, outcome::Outcome},
};

/// A number of up to 64 bits. SQLite's are signed: what is beyond shows as negative, and comes back as it was.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// A name, checked again: others may have written to the file.
pub(super) fn name<N: FromStr<Err = InvalidName>>(row: &Row<'_>, column: usize) -> Result<N> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

const UNCHANGED: &str = "unchanged";

/// Why the contract lets a change be refused for good.
const REFUSALS: [StoreErrorKind; 4] = [
    StoreErrorKind::UnknownAsset,
    StoreErrorKind::NotHeld,
    StoreErrorKind::Conflict,
    StoreErrorKind::LimitReached,
];

/// An outcome in a word; that it changed something is left out.
pub(super) fn word(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Changed => None,
        Outcome::Unchanged => Some(UNCHANGED),
        Outcome::Refused(kind) => Some(kind.as_str()),
    }
}

/// The outcome that [`word`] says.
pub(super) fn outcome(row: &Row<'_>, column: usize) -> Result<Outcome> {
    let Some(word) = row.get_ref(column)?.as_str_or_null()? else { return Ok(Outcome::Changed) };
    let kind = REFUSALS.into_iter().find(|kind| kind.as_str() == word);
    Ok(kind.map_or(Outcome::Unchanged, Outcome::Refused))
}
