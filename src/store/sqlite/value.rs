use std::str::FromStr;

use rusqlite::{Error, Result, Row, types::Type};

use crate::model::InvalidName;

/// A number of up to 64 bits. SQLite's are signed: what is beyond shows as negative, and comes back as it was.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

/// A name, checked again: others may have written to the file.
pub(super) fn name<N: FromStr<Err = InvalidName>>(row: &Row<'_>, column: usize) -> Result<N> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
