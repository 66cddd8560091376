use ::mongodb::error::{Error, ErrorKind, WriteFailure};

use super::{error, health::in_words};
use crate::store::{StoreError, StoreErrorCause, StoreErrorKind};

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
/// Parts of messages whose errors last until the configuration changes.
const HOPELESS: [&str; 3] = ["certificate", "wire version", "InvalidContentType"];
/// Part of a message whose error may be temporary, or caused by the URL.
const UNFOUND: &str = "failed to lookup address";
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

    /// Whether the server does not support linearizable reads.
    pub(super) fn wants_another_level(&self) -> bool {
        self.code().is_some_and(|code| OTHER_LEVEL.contains(&code))
    }

    /// Converts the error. `away` explains why no server is reachable, `database` is where logins are looked
    /// up, and `plain` means that the connection is not encrypted.
    pub(super) fn told(self, away: impl FnOnce() -> String, database: &str, plain: bool) -> StoreError {
        let doubtful = self.is_doubtful();
        let kind = if doubtful { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable };
        let (code, reason) = (self.code(), self.reason());
        let because = |told: StoreError| match reason {
            Some(reason) => told.because(reason),
            None => told,
        };
        let Cause::Failed(failed) = self.cause else { return because(error(kind, "no answer in time")) };
        let words = in_words(&failed);
        let told = match *failed.kind {
            _ if is_login(&failed, code) => {
                let where_to = format!("authSource={database}, which another authSource= in the URL changes");
                error(kind, format!("the user or its password is not accepted ({where_to}): {words}"))
                    .hopeless()
            }
            _ if code == Some(UNAUTHORIZED) => {
                let role = "give the URL a user with the role readWrite on the database";
                error(kind, format!("the server does not allow it: {words}; {role}")).hopeless()
            }
            ErrorKind::ServerSelection { .. } => hopeless_or_not(kind, broken(away(), plain)),
            ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => {
                error(kind, words).hopeless()
            }
            ErrorKind::Io(_) => hopeless_or_not(kind, broken(format!("the connection broke: {words}"), plain)),
            _ => hopeless_or_not(kind, words),
        };
        because(told).with_source(failed)
    }

    /// The cause, as far as the server's code tells.
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

/// Adds a hint for an unencrypted connection that the server closed, because a server that expects TLS does
/// that.
fn broken(why: String, plain: bool) -> String {
    let hint =
        if plain && why.contains("unexpected end of file") { " (does the server want tls=true?)" } else { "" };
    why + hint
}

fn hopeless_or_not(kind: StoreErrorKind, why: String) -> StoreError {
    let hopeless = HOPELESS.iter().any(|words| why.contains(words));
    let advice =
        if why.contains(UNFOUND) { "; is the host in the URL right? waiting until it is found" } else { "" };
    let told = error(kind, why + advice);
    if hopeless { told.hopeless() } else { told }
}
