use std::{
    any::Any,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rusqlite::ErrorCode;

use super::{NAME, error};
use crate::{
    model::{AssetName, one_line},
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

/// The result of a change or a read.
pub(super) type Decided<T> = Result<T, SqliteError>;

/// Why a change or a read failed.
#[derive(Debug)]
pub(super) enum SqliteError {
    /// A refusal of the contract. It is recorded and committed.
    Refused(StoreError),
    /// The database failed; the change is rolled back.
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for SqliteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

pub(super) fn unknown(asset: &AssetName) -> SqliteError {
    SqliteError::Refused(StoreError::unknown_asset(NAME, asset))
}

/// An error after which nothing has happened.
pub(super) fn unavailable(message: impl Into<String>) -> StoreError {
    // The name of a file may have line breaks.
    error(StoreErrorKind::Unavailable, one_line(&message.into()))
}

/// A failure of the database after which nothing has happened.
pub(super) fn broken(message: impl Into<String>, source: impl Error + Send + Sync + 'static) -> StoreError {
    unavailable(message).with_source(source)
}

/// An error after which the change may or may not be on disk.
pub(super) fn outcome_unknown(message: impl Into<String>) -> StoreError {
    error(StoreErrorKind::OutcomeUnknown, message)
}

/// The cause of a database error, by its code.
pub(super) fn cause(error: &rusqlite::Error) -> StoreErrorCause {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreErrorCause::DiskFull,
        Some(ErrorCode::ReadOnly) => StoreErrorCause::ReadOnly,
        Some(ErrorCode::PermissionDenied) => StoreErrorCause::NoPermission,
        Some(ErrorCode::OutOfMemory) => StoreErrorCause::OutOfMemory,
        _ => StoreErrorCause::Unavailable,
    }
}

/// Whether the error concerns the disk or a lock on the file rather than this one change.
pub(super) fn is_of_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::DatabaseBusy
        )
    )
}

/// Writes to the log. A panic is caught, because a full disk under the log must not end the writer thread.
pub(super) fn quietly(log: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(log)));
}

/// The message of a panic.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn a_file_whose_name_has_line_breaks_is_named_on_one_line() {
        let error = unavailable("cannot open \n\rgame.db").to_string();
        assert!(error.ends_with("cannot open game.db"), "{error:?}");
    }

    #[test]
    fn what_the_operator_can_mend_is_named() {
        let causes = [
            (ffi::SQLITE_FULL, StoreErrorCause::DiskFull),
            (ffi::SQLITE_READONLY, StoreErrorCause::ReadOnly),
            (ffi::SQLITE_READONLY_DBMOVED, StoreErrorCause::ReadOnly),
            (ffi::SQLITE_PERM, StoreErrorCause::NoPermission),
            (ffi::SQLITE_NOMEM, StoreErrorCause::OutOfMemory),
            (ffi::SQLITE_IOERR_WRITE, StoreErrorCause::Unavailable),
        ];
        for (code, expected) in causes {
            let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            assert_eq!(cause(&error), expected, "{error}");
        }
        assert_eq!(cause(&rusqlite::Error::InvalidQuery), StoreErrorCause::Unavailable);
    }
}
