use std::{fmt::Debug, str::FromStr, vec};

use mysql_async::{Row, Value};

use super::error;
use crate::{
    model::{Grant, Millis},
    store::{Result, StoreError, StoreErrorKind, optimistic::Counter},
};

/// Reads the cells of a row from left to right. An invalid cell gives an error that names it; our own
/// statements never write one.
pub(super) struct Cells(pub(super) vec::IntoIter<Value>);

impl Cells {
    pub(super) fn of(row: Row) -> Self {
        Self(
            row.unwrap_raw()
                .into_iter()
                .map(|cell| cell.unwrap_or(Value::NULL))
                .collect::<Vec<_>>()
                .into_iter(),
        )
    }

    /// Reads a number or NULL.
    pub(super) fn perhaps_number<T: FromStr>(&mut self, what: &str) -> Result<Option<T>> {
        match self.0.next() {
            None | Some(Value::NULL) => Ok(None),
            Some(Value::Bytes(bytes)) => parsed(bytes, what).map(Some),
            Some(Value::Int(number)) => parsed(number.to_string().into_bytes(), what).map(Some),
            Some(Value::UInt(number)) => parsed(number.to_string().into_bytes(), what).map(Some),
            Some(other) => Err(odd(what, &other)),
        }
    }

    pub(super) fn number<T: FromStr>(&mut self, what: &str) -> Result<T> {
        self.perhaps_number(what)?.ok_or_else(|| odd(what, &"NULL"))
    }

    /// Reads a name, or another value parsed from text.
    pub(super) fn text<T: FromStr>(&mut self, what: &str) -> Result<T> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => parsed(bytes, what),
            other => Err(odd(what, &other)),
        }
    }

    /// Reads text or NULL.
    fn perhaps_text<T: FromStr>(&mut self, what: &str) -> Result<Option<T>> {
        match self.0.next() {
            None | Some(Value::NULL) => Ok(None),
            Some(Value::Bytes(bytes)) => parsed(bytes, what).map(Some),
            Some(other) => Err(odd(what, &other)),
        }
    }

    /// Reads the columns of [`Holders`](super::reads::Holders).
    pub(super) fn grant(&mut self) -> Result<Grant> {
        let (player, revision) = (self.text("player")?, self.number("revision")?);
        let granted_at = self.number::<Millis>("granted_at")?;
        let lease = self.perhaps_text("lease")?.unwrap_or_default();
        Ok(Grant::leased(player, granted_at, revision, lease))
    }

    /// Reads the columns of [`COUNTER`](super::reads::COUNTER), and `terms`.
    pub(super) fn counter(&mut self) -> Result<Counter> {
        Ok(Counter {
            units: self.number("units")?,
            remaining: self.number("remaining")?,
            held: self.number("held")?,
            revision: self.number("revision")?,
            origin: self.number("origin")?,
            creation: self.number("creation")?,
            created_units: self.number("created_units")?,
            removed: self.number::<u8>("removed")? != 0,
            terms: self.perhaps_text("terms")?.map(Box::new),
        })
    }
}

fn parsed<T: FromStr>(bytes: Vec<u8>, what: &str) -> Result<T> {
    let text = String::from_utf8(bytes).map_err(|error| odd(what, &error.into_bytes()))?;
    text.parse().map_err(|_| odd(what, &text))
}

fn odd(what: &str, found: &dyn Debug) -> StoreError {
    error(StoreErrorKind::Unavailable, format!("the database has {found:?} where it should have {what}"))
}
