use ::mongodb::error::{Error, ErrorKind, WriteFailure};

use super::{
    error,
    health::{Clues, Health, in_words},
};
use crate::{
    link::FIND_HOST,
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

/// The purpose of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    Writing,
}

/// A failed call.
#[derive(Debug)]
pub(super) struct MongoError {
    pub(super) doing: Doing,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// The call timed out.
    Silence,
    Failed(Error),
}

const UNAUTHORIZED: i32 = 13;
const WRITE_CONFLICT: i32 = 112;
const DUPLICATE_KEY: i32 = 11000;
/// The codes of a rejected login; the second is Atlas's.
const NO_LOGIN: [i32; 2] = [18, 8000];
/// Codes with which the server refuses a command before it does anything: it is no primary, or does not know
/// the command, the caller or the resource.
const NOTHING_DONE: [i32; 12] = [2, 9, UNAUTHORIZED, 18, 20, 26, 59, 72, 73, 10107, 13435, 13436];
/// Codes with which the server reports that it does not support a read concern: no replica set, or a store that
/// only resembles MongoDB.
const OTHER_LEVEL: [i32; 8] = [2, 9, 72, 115, 123, 148, 238, 303];
/// The server is no primary, or does not know yet that it is one.
const READ_ONLY: [i32; 3] = [10107, 13435, 13436];
/// The disk is full.
const DISK_FULL: i32 = 14031;
/// Too few members of the replica set confirm a write, or exist at all.
const NOT_REPLICATED: [i32; 2] = [64, 100];
/// The server's own time limits.
const TIMES_OUT: [i32; 3] = [50, 89, 262];
/// The rate limit was exceeded, as reported by Cosmos and DocumentDB.
const THROTTLED: i32 = 16500;

impl MongoError {
    /// Whether the condition of the write failed because the document has changed.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self.code(), Some(DUPLICATE_KEY | WRITE_CONFLICT))
    }

    /// Whether all documents that could not be inserted are there already.
    pub(super) fn is_only_stale(&self) -> bool {
        let Cause::Failed(error) = &self.cause else { return false };
        let ErrorKind::InsertMany(failed) = &*error.kind else { return false };
        let are_stale = failed
            .write_errors
            .as_ref()
            .is_some_and(|errors| errors.iter().all(|error| error.code == DUPLICATE_KEY));
        are_stale && failed.write_concern_error.is_none()
    }

    /// Whether the server does not support linearizable reads.
    pub(super) fn wants_another_level(&self) -> bool {
        self.code().is_some_and(|code| OTHER_LEVEL.contains(&code))
    }

    /// Converts the error. `health` and `no_primary` explain why no server is reachable, `database` is where logins
    /// are looked up, and `plain` means that the connection is not encrypted.
    pub(super) fn into_store_error(
        self,
        health: &Health,
        no_primary: impl FnOnce() -> String,
        database: &str,
        plain: bool,
    ) -> StoreError {
        let doubtful = self.is_doubtful();
        let kind = if doubtful { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable };
        let (code, reason) = (self.code(), self.reason());
        let Cause::Failed(failed) = self.cause else { return error(kind, "no answer in time").because(reason) };
        let words = in_words(&failed);
        let converted = match *failed.kind {
            _ if is_login(&failed, code) => {
                let where_to = format!("authSource={database}, which another authSource= in the URL changes");
                error(kind, format!("the user or its password is not accepted ({where_to}): {words}"))
                    .hopeless()
            }
            _ if code == Some(UNAUTHORIZED) => {
                let role = "give the URL a user with the role readWrite on the database";
                error(kind, format!("the server does not allow it: {words}; {role}")).hopeless()
            }
            ErrorKind::ServerSelection { .. } => {
                clued(kind, health.why().unwrap_or_else(no_primary), health.clues(), plain)
            }
            // The driver has only a text of the cause, which the monitoring has noticed, too.
            ErrorKind::ConnectionPoolCleared { .. } => clued(kind, words, health.clues(), false),
            ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => {
                error(kind, words).hopeless()
            }
            ErrorKind::Io(_) => {
                clued(kind, format!("the connection broke: {words}"), Clues::of(&failed), plain)
            }
            _ => error(kind, words),
        };
        converted.because(reason).with_source(failed)
    }

    /// The cause, as far as the server's code indicates it.
    fn reason(&self) -> Option<StoreErrorCause> {
        let Cause::Failed(failed) = &self.cause else { return Some(StoreErrorCause::NotAnswered) };
        let code = self.code();
        if is_login(failed, code) {
            return Some(StoreErrorCause::NoPermission);
        }
        match code? {
            UNAUTHORIZED => Some(StoreErrorCause::NoPermission),
            DISK_FULL => Some(StoreErrorCause::DiskFull),
            THROTTLED => Some(StoreErrorCause::Throttled),
            code if READ_ONLY.contains(&code) => Some(StoreErrorCause::ReadOnly),
            code if NOT_REPLICATED.contains(&code) => Some(StoreErrorCause::NotReplicated),
            code if TIMES_OUT.contains(&code) => Some(StoreErrorCause::NotAnswered),
            _ => None,
        }
    }

    /// Whether the call may have taken effect.
    fn is_doubtful(&self) -> bool {
        let Cause::Failed(failed) = &self.cause else { return self.doing == Doing::Writing };
        let nothing_done = match failed.kind.as_ref() {
            ErrorKind::Authentication { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::IncompatibleServer { .. }
            | ErrorKind::InvalidArgument { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::Shutdown => true,
            // The connection was refused, so nothing was sent over it.
            ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            ErrorKind::Command(refused) => NOTHING_DONE.contains(&refused.code),
            // One document, so all of the write was refused.
            ErrorKind::Write(WriteFailure::WriteError(_)) => true,
            _ => false,
        };
        self.doing == Doing::Writing && !nothing_done
    }

    fn code(&self) -> Option<i32> {
        let Cause::Failed(failed) = &self.cause else { return None };
        match failed.kind.as_ref() {
            ErrorKind::Command(refused) => Some(refused.code),
            ErrorKind::Write(WriteFailure::WriteError(refused)) => Some(refused.code),
            ErrorKind::Write(WriteFailure::WriteConcernError(doubt)) => Some(doubt.code),
            _ => None,
        }
    }
}

fn is_login(failed: &Error, code: Option<i32>) -> bool {
    matches!(*failed.kind, ErrorKind::Authentication { .. })
        || code.is_some_and(|code| NO_LOGIN.contains(&code))
}

/// An error with advice for the operator, as far as there are clues.
fn clued(kind: StoreErrorKind, mut why: String, clues: Clues, plain: bool) -> StoreError {
    if plain && clues.closed {
        why += " (does the server want tls=true?)";
    }
    if clues.unknown_host {
        why = format!("{why}; {FIND_HOST}");
    }
    error(kind, why).hopeless_if(clues.hopeless)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn store_error(failed: io::Error, plain: bool) -> StoreError {
        let error = MongoError { doing: Doing::Reading, cause: Cause::Failed(failed.into()) };
        error.into_store_error(&Health::default(), String::new, "game", plain)
    }

    #[test]
    fn what_an_operator_must_change_is_hopeless_and_what_may_come_is_waited_for() {
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let no_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        for (failed, hopeless, words) in [
            (io::Error::other(expired), true, "invalid peer certificate"),
            (io::Error::other(no_tls), true, "InvalidContentType"),
            (io::Error::other("failed to lookup address information: x"), false, FIND_HOST),
            (io::ErrorKind::ConnectionRefused.into(), false, "the connection broke: connection refused"),
        ] {
            let said = store_error(failed, false);
            assert_eq!(said.is_hopeless(), hopeless, "{said}");
            assert!(said.to_string().contains(words), "{said}");
        }
    }

    #[test]
    fn a_server_that_hangs_up_without_a_word_may_want_tls() {
        let hint = |failed: io::Error, plain| store_error(failed, plain).to_string().contains("tls=true?");
        let nothing = || io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(hint(nothing(), true) && !hint(nothing(), false));
        assert!(
            !hint(io::Error::new(io::ErrorKind::UnexpectedEof, "early eof"), true),
            "it has said something"
        );
    }
}
