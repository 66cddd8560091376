use mysql_async::{DriverError, Error, IoError, ServerError};

use super::error;
use crate::{
    link::{
        ConnectError, FIND_HOST,
        texts::{self, Author, Meaning},
    },
    model::one_line,
    store::{StoreError, StoreErrorCause, StoreErrorKind},
};

pub(super) type Asked<T> = Result<T, MysqlError>;

/// A packet that was not answered completely.
#[derive(Debug)]
pub(super) enum MysqlError {
    /// The packet was not sent.
    Away(Away),
    /// The server refused the statement at this index of the packet and executed none after it.
    Refused { at: usize, refused: ServerError },
    /// The packet was sent, and then the connection broke.
    Lost(Error),
    /// The packet was sent, and the answer timed out.
    Late(String),
}

/// Why a packet was not sent.
#[derive(Debug, Clone)]
pub(super) struct Away {
    pub(super) why: String,
    /// Whether the error lasts until the configuration changes.
    hopeless: bool,
    /// The cause, as far as the server's code indicates it.
    cause: Option<StoreErrorCause>,
}

/// Error codes of the server. MySQL, MariaDB and TiDB share them unless noted otherwise.
pub(super) mod code {
    pub(in super::super) const DUPLICATE: u16 = 1062;
    pub(in super::super) const COLUMN_EXISTS: u16 = 1060;
    pub(in super::super) const NO_TABLE: u16 = 1146;
    pub(super) const DEADLOCK: u16 = 1213;
    pub(super) const LOCK_WAIT: u16 = 1205;
    pub(super) const NO_DATABASE: u16 = 1049;
    pub(super) const WRONG_PASSWORD: u16 = 1045;
    pub(super) const TOO_MANY_CONNECTIONS: u16 = 1040;
    pub(super) const TLS_NEEDED: u16 = 3159;
    /// The server is a replica, or is set to read-only.
    pub(super) const READ_ONLY: [u16; 3] = [1290, 1792, 1836];
    /// The disk or the table is full.
    pub(super) const DISK_FULL: [u16; 4] = [3, 28, 1021, 1114];
    /// Memory, or the tenant's quota, is exhausted.
    pub(super) const OUT_OF_MEMORY: [u16; 4] = [1037, 1038, 8001, 8175];
    /// The server's own timeouts.
    pub(super) const TIMES_OUT: [u16; 3] = [1205, 1969, 3024];
    /// TiDB: the transaction conflicted with another one and was not committed.
    pub(super) const CONFLICTS: [u16; 5] = [8002, 8005, 8022, 8028, 9007];
    /// The user lacks a permission: for the database, the host, the table, the column, or this way of logging
    /// in.
    pub(in super::super) const FORBIDDEN: [u16; 8] = [1044, 1130, 1142, 1143, 1227, 1251, 1275, 1698];
}

impl MysqlError {
    /// Whether waiting for a lock timed out.
    pub(super) fn is_lock_wait(&self) -> bool {
        let waited = |refused: &ServerError| {
            refused.code == code::LOCK_WAIT
                || texts::meaning(Author::TiDb, &refused.message) == Some(Meaning::LockWait)
        };
        matches!(self, Self::Refused { refused, .. } if waited(refused))
    }

    pub(super) fn away(why: impl Into<String>) -> Self {
        Self::Away(Away { why: why.into(), hopeless: false, cause: None })
    }

    pub(super) fn hopeless(why: impl Into<String>) -> Self {
        Self::Away(Away { why: why.into(), hopeless: true, cause: Some(StoreErrorCause::Misconfigured) })
    }

    /// The error of a failed connection attempt.
    pub(super) fn at_the_door(address: &str, database: &str, failed: &Error) -> Self {
        let (why, hopeless, cause) = match failed {
            Error::Server(refused) => (said(refused, database), is_hopeless(refused), cause(refused)),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => {
                ("the server has no TLS; leave out tls=true and tls_ca".to_owned(), true, None)
            }
            Error::Driver(DriverError::UnknownAuthPlugin { .. }) => (in_words(failed), true, None),
            failed => match ConnectError::of(failed) {
                Some(ConnectError::UnknownHost) => (format!("{}; {FIND_HOST}", in_words(failed)), false, None),
                reason => (in_words(failed), reason == Some(ConnectError::Certificate), None),
            },
        };
        Self::Away(Away { why: format!("cannot connect to {address}: {why}"), hopeless, cause })
    }

    /// The error of a request on a new connection, before any call was sent.
    pub(super) fn before_the_call(self, address: &str) -> Self {
        let (why, hopeless, cause) = match self {
            Self::Away(Away { why, hopeless, cause }) => (why, hopeless, cause),
            Self::Refused { refused, .. } => (said(&refused, ""), is_hopeless(&refused), cause(&refused)),
            Self::Lost(lost) => (in_words(&lost), false, None),
            Self::Late(why) => (why, false, Some(StoreErrorCause::NotAnswered)),
        };
        Self::Away(Away { why: format!("cannot use the database at {address}: {why}"), hopeless, cause })
    }

    /// The error of a transaction whose statement `commit` is its COMMIT.
    ///
    /// # Errors
    /// All failures but one: `Ok` means that a concurrent transaction won, nothing was done, and the transaction
    /// can be retried.
    pub(super) fn of_transaction(self, commit: usize) -> Result<(), StoreError> {
        match self {
            Self::Refused { refused, .. } if came_second(&refused) => Ok(()),
            Self::Refused { at, refused } if at >= commit => {
                Err(refusal(StoreErrorKind::OutcomeUnknown, refused))
            }
            Self::Lost(lost) => {
                let message = "the connection broke before the answer";
                Err(error(StoreErrorKind::OutcomeUnknown, message).with_source(lost))
            }
            Self::Late(why) => {
                Err(error(StoreErrorKind::OutcomeUnknown, why).because(StoreErrorCause::NotAnswered))
            }
            failed => Err(failed.into()),
        }
    }
}

/// The error of a read, or of an idempotent statement.
impl From<MysqlError> for StoreError {
    fn from(failed: MysqlError) -> Self {
        match failed {
            MysqlError::Away(Away { why, hopeless, cause }) => {
                error(StoreErrorKind::Unavailable, why).because(cause).hopeless_if(hopeless)
            }
            MysqlError::Refused { refused, .. } => refusal(StoreErrorKind::Unavailable, refused),
            MysqlError::Lost(lost) => {
                let message = format!("the connection broke before the answer: {}", in_words(&lost));
                error(StoreErrorKind::Unavailable, message).with_source(lost)
            }
            MysqlError::Late(why) => {
                error(StoreErrorKind::Unavailable, why).because(StoreErrorCause::NotAnswered)
            }
        }
    }
}

/// Whether a concurrent transaction won and this one did nothing, even if its COMMIT failed.
fn came_second(refused: &ServerError) -> bool {
    matches!(refused.code, code::DUPLICATE | code::DEADLOCK)
        || code::CONFLICTS.contains(&refused.code)
        || texts::meaning(Author::TiDb, &refused.message) == Some(Meaning::LockRetries)
}

/// The cause, as far as the server's code indicates it.
fn cause(refused: &ServerError) -> Option<StoreErrorCause> {
    match refused.code {
        code::WRONG_PASSWORD => Some(StoreErrorCause::NoPermission),
        code::NO_DATABASE | code::NO_TABLE | code::TLS_NEEDED => Some(StoreErrorCause::Misconfigured),
        code::TOO_MANY_CONNECTIONS => Some(StoreErrorCause::Throttled),
        code if code::FORBIDDEN.contains(&code) => Some(StoreErrorCause::NoPermission),
        code if code::READ_ONLY.contains(&code) => Some(StoreErrorCause::ReadOnly),
        code if code::DISK_FULL.contains(&code) => Some(StoreErrorCause::DiskFull),
        code if code::OUT_OF_MEMORY.contains(&code) => Some(StoreErrorCause::OutOfMemory),
        code if code::TIMES_OUT.contains(&code) => Some(StoreErrorCause::NotAnswered),
        _ => None,
    }
}

fn is_hopeless(refused: &ServerError) -> bool {
    matches!(refused.code, code::NO_DATABASE | code::WRONG_PASSWORD | code::TLS_NEEDED)
        || code::FORBIDDEN.contains(&refused.code)
}

fn refusal(kind: StoreErrorKind, refused: ServerError) -> StoreError {
    error(kind, said(&refused, ""))
        .because(cause(&refused))
        .hopeless_if(is_hopeless(&refused))
        .with_source(Error::Server(refused))
}

/// The server's message in one line, with advice.
fn said(refused: &ServerError, database: &str) -> String {
    let what = format!("the server answered {} {}", refused.code, one_line(&refused.message));
    match refused.code {
        code::NO_DATABASE => format!("{what}: make it with CREATE DATABASE `{database}`"),
        code::WRONG_PASSWORD => format!("{what}: check the user and the password in the URL"),
        code::TLS_NEEDED => format!("{what}: add ?tls=true"),
        code::TOO_MANY_CONNECTIONS => format!("{what}: let it have more, or us fewer with ?pool=N"),
        code::LOCK_WAIT => format!("{what}: somebody else holds the asset's row"),
        code if code::READ_ONLY.contains(&code) => format!("{what}: name the primary"),
        code if code::FORBIDDEN.contains(&code) => {
            format!("{what}: the user needs SELECT, INSERT, UPDATE, DELETE and CREATE on the database")
        }
        _ => what,
    }
}

/// A driver's error without the name of its kind.
fn in_words(error: &Error) -> String {
    let words = match error {
        Error::Driver(error) => error.to_string(),
        Error::Io(IoError::Io(error)) => error.to_string(),
        Error::Io(IoError::Tls(error)) => error.to_string(),
        Error::Server(error) => error.message.clone(),
        error => error.to_string(),
    };
    one_line(&words)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const COMMIT: usize = 5;

    fn refused(code: u16, at: usize) -> MysqlError {
        let refused = ServerError { code, message: "because\nof that".to_owned(), state: "HY000".to_owned() };
        MysqlError::Refused { at, refused }
    }

    fn kind(error: MysqlError) -> Option<StoreErrorKind> {
        error.of_transaction(COMMIT).err().map(|error| error.kind())
    }

    #[test]
    fn what_came_second_did_nothing_also_if_it_was_its_commit_that_failed() {
        for code in [1062, 1213, 8002, 8005, 8022, 8028, 9007] {
            for at in [1, COMMIT] {
                assert_eq!(kind(refused(code, at)), None, "{code}");
            }
        }
        let message = "pessimistic lock retry limit reached".to_owned();
        let refused = ServerError { code: 1105, message, state: "HY000".to_owned() };
        assert_eq!(kind(MysqlError::Refused { at: 1, refused }), None, "TiDB gave up to lock");
    }

    #[test]
    fn a_statement_that_failed_did_nothing_and_a_commit_that_failed_may_have() {
        for code in [1053, 1205, 1317, 1290, 1969, 3024, 8501, 9001] {
            assert_eq!(kind(refused(code, COMMIT - 1)), Some(StoreErrorKind::Unavailable), "{code}");
            assert_eq!(kind(refused(code, COMMIT)), Some(StoreErrorKind::OutcomeUnknown), "{code}");
        }
        assert_eq!(kind(MysqlError::Late("late".to_owned())), Some(StoreErrorKind::OutcomeUnknown));
        assert_eq!(kind(MysqlError::away("away")), Some(StoreErrorKind::Unavailable));
    }

    #[test]
    fn a_refusal_has_the_cause_that_its_code_tells() {
        for (code, cause) in [
            (1290, StoreErrorCause::ReadOnly),
            (1114, StoreErrorCause::DiskFull),
            (1142, StoreErrorCause::NoPermission),
            (1146, StoreErrorCause::Misconfigured),
            (1205, StoreErrorCause::NotAnswered),
            (9999, StoreErrorCause::Unavailable),
        ] {
            let error = refused(code, 1).of_transaction(COMMIT).unwrap_err();
            assert_eq!(error.cause(), cause, "{code}");
            let refused = ServerError { code, message: "no".to_owned(), state: "HY000".to_owned() };
            let door = MysqlError::at_the_door("h:1", "game", &Error::Server(refused));
            assert_eq!(StoreError::from(door).cause(), cause, "{code} at the door");
        }
    }

    #[test]
    fn a_server_that_is_not_trusted_is_hopeless_and_one_that_is_not_found_is_waited_for() {
        let untrusted = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let plugin = DriverError::UnknownAuthPlugin { name: "ed25519".to_owned() };
        for (failed, hopeless, words) in [
            (Error::from(untrusted.clone()), true, "invalid peer certificate"),
            (io::Error::other(untrusted).into(), true, "invalid peer certificate"),
            (plugin.into(), true, "ed25519"),
            (DriverError::NoClientSslFlagFromServer.into(), true, "leave out tls=true"),
            (io::Error::other("failed to lookup address information: x").into(), false, FIND_HOST),
            (io::Error::from(io::ErrorKind::ConnectionRefused).into(), false, "refused"),
        ] {
            let said = StoreError::from(MysqlError::at_the_door("h:1", "game", &failed));
            assert_eq!(said.is_hopeless(), hopeless, "{said}");
            assert!(said.to_string().contains(words), "{said}");
        }
    }

    #[test]
    fn what_only_somebody_can_mend_is_hopeless_and_said_in_one_line() {
        for (code, advice) in [
            (1045, "check the user and the password"),
            (1049, "CREATE DATABASE `game`"),
            (1142, "the user needs SELECT, INSERT"),
            (3159, "?tls=true"),
        ] {
            let refused = ServerError { code, message: "no\nway".to_owned(), state: "HY000".to_owned() };
            let said = StoreError::from(MysqlError::at_the_door("h:1", "game", &Error::Server(refused)));
            let text = said.to_string();
            assert!(said.is_hopeless() && text.contains(advice) && !text.contains('\n'), "{text}");
        }
        assert!(!StoreError::from(refused(1040, 0)).is_hopeless());
    }
}
