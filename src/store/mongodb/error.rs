use ::mongodb::error::{Error, ErrorKind, WriteFailure};

use super::{error, health::in_words};
use crate::store::{StoreError, StoreErrorCause, StoreErrorKind};

/// What a call was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Reading,
    Writing,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) struct MongoError {
    pub(super) doing: Doing,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// It was not answered in time.
    Silence,
    Failed(Error),
}

const UNAUTHORIZED: i32 = 13;
const WRITE_CONFLICT: i32 = 112;
const DUPLICATE_KEY: i32 = 11000;
/// What the server calls a login that it does not accept; the second is Atlas.
const NO_LOGIN: [i32; 2] = [18, 8000];
/// With these the server refuses a command before it does anything: it is no primary, or does not know the command, the
/// caller or what was asked for.
const NOTHING_DONE: [i32; 12] = [2, 9, UNAUTHORIZED, 18, 20, 26, 59, 72, 73, 10107, 13435, 13436];
/// With these it says that it cannot read on that level: no replica set, or a store that only looks like MongoDB.
const OTHER_LEVEL: [i32; 8] = [2, 9, 72, 115, 123, 148, 238, 303];
/// What is in a reason that no waiting mends.
const HOPELESS: [&str; 3] = ["certificate", "wire version", "InvalidContentType"];
/// What is in a reason that may mend by itself, or else in the URL.
const UNFOUND: &str = "failed to lookup address";
/// It is no primary, or does not know yet that it is one.
const READ_ONLY: [i32; 3] = [10107, 13435, 13436];
/// There is no space on its disk.
const DISK_FULL: i32 = 14031;
/// Too few members of the replica set confirm a write, or there are too few at all.
const NOT_REPLICATED: [i32; 2] = [64, 100];
/// It took too long.
const TIMES_OUT: [i32; 3] = [50, 89, 262];
/// Too much is asked for at once, as Cosmos and DocumentDB say it.
const THROTTLED: i32 = 16500;

impl MongoError {
    /// The condition was looked at, and it is another by now.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self.code(), Some(DUPLICATE_KEY | WRITE_CONFLICT))
    }

    /// The server does not know linearizable reads.
    pub(super) fn wants_another_level(&self) -> bool {
        self.code().is_some_and(|code| OTHER_LEVEL.contains(&code))
    }

    /// In our words. `away` says why no server can be had, `database` where logins are looked up, `plain` that the
    /// connection is not encrypted.
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

    /// Why, as far as the server's code tells.
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

    /// Whether it may have taken effect.
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
            // Whoever refuses a connection was sent nothing over it.
            ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            ErrorKind::Command(refused) => NOTHING_DONE.contains(&refused.code),
            // One document, so all of it was refused.
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

/// A server that expects a greeting in TLS hangs up on any other.
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
