use std::{error::Error, fmt, io};

use redis::{ErrorKind, ServerError};

use crate::{
    link::{
        ConnectError, FIND_HOST, TRUST,
        texts::{self, Author, Meaning},
    },
    model::one_line,
};

/// A call without an answer from a script.
#[derive(Debug, Clone)]
pub(crate) enum RedisError {
    /// The call was not sent.
    Away(Away),
    /// The call was sent, and then the connection broke.
    Lost(redis::RedisError),
    /// The server answered with an error.
    Refused(ServerError),
    /// The call took effect, but on fewer replicas than required.
    NotReplicated { acknowledged: u64, wanted: u64 },
}

/// Why a call was not sent, in one line, with the kind of failure.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    pub(crate) why: String,
    pub(crate) reason: Reason,
}

#[derive(Debug, Clone)]
pub(crate) enum Reason {
    Unknown,
    Connect(ConnectError),
    /// The server speaks another protocol.
    NotRedis,
    /// The server is too old for push messages.
    NoPushes,
    /// The server is a replica, which may return stale data.
    Replica,
    /// The server answered the login, or a query before the call, with an error.
    Refused(ServerError),
}

impl Away {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), reason: Reason::Unknown }
    }

    /// Puts the failed step before the reason.
    pub(crate) fn when(self, what: &str) -> Self {
        Self { why: format!("{what}: {}", self.why), ..self }
    }
}

impl From<io::Error> for Away {
    fn from(error: io::Error) -> Self {
        let reason = ConnectError::of(&error).map_or(Reason::Unknown, Reason::Connect);
        Self { why: one_line(&error.to_string()), reason }
    }
}

impl From<redis::RedisError> for Away {
    fn from(error: redis::RedisError) -> Self {
        let refused = error.source().and_then(|source| source.downcast_ref::<ServerError>());
        match (error.kind(), refused) {
            (_, Some(refused)) => refused.clone().into(),
            (ErrorKind::Parse, _) => {
                Self { why: "it is not a Redis server".to_owned(), reason: Reason::NotRedis }
            }
            (ErrorKind::RESP3NotSupported, _) => {
                Self { why: one_line(&error.to_string()), reason: Reason::NoPushes }
            }
            _ => Self::new(one_line(&error.to_string())),
        }
    }
}

impl From<ServerError> for Away {
    fn from(refused: ServerError) -> Self {
        Self { why: in_words(&refused), reason: Reason::Refused(refused) }
    }
}

impl RedisError {
    pub(crate) fn away(why: impl Into<String>) -> Self {
        Self::Away(Away::new(why))
    }

    /// The error of a query that had to be answered before a call could be sent.
    pub(crate) fn before_the_call(self) -> Away {
        let why = self.to_string();
        match self {
            Self::Away(away) => away,
            Self::Refused(refused) => Away { why, reason: Reason::Refused(refused) },
            Self::Lost(_) | Self::NotReplicated { .. } => Away::new(why),
        }
    }

    /// The server's error, if it answered with one.
    pub(crate) fn refused(&self) -> Option<&ServerError> {
        match self {
            Self::Refused(refused) | Self::Away(Away { reason: Reason::Refused(refused), .. }) => Some(refused),
            _ => None,
        }
    }

    /// Whether another server may be responsible by now.
    pub(crate) fn makes_topology_stale(&self) -> bool {
        match self {
            Self::Away(_) | Self::Lost(_) => true,
            Self::Refused(error) => {
                matches!(error.code(), "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "TRYAGAIN" | "MOVED" | "ASK")
            }
            Self::NotReplicated { .. } => false,
        }
    }

    /// The message with advice for the operator, and whether the error lasts until the configuration changes.
    /// `may_not` is the advice on a missing permission.
    pub(crate) fn advised(&self, may_not: &str) -> (String, bool) {
        let unknown_host =
            matches!(self, Self::Away(Away { reason: Reason::Connect(ConnectError::UnknownHost), .. }));
        match self.advice(may_not) {
            Some(advice) => (format!("{self}; {advice}"), true),
            None if unknown_host => (format!("{self}; {FIND_HOST}"), false),
            None => (self.to_string(), false),
        }
    }

    /// The advice on an error that lasts until the configuration changes.
    fn advice<'a>(&self, may_not: &'a str) -> Option<&'a str> {
        match self {
            Self::Away(Away { reason: Reason::Connect(ConnectError::Certificate), .. }) => Some(TRUST),
            Self::Away(Away { reason: Reason::NotRedis, .. }) => Some("correct host and port in the URL"),
            Self::Away(Away { reason: Reason::NoPushes, .. }) => Some("a bus needs Redis 6 or later"),
            _ => advice_on(self.refused()?, may_not),
        }
    }
}

fn advice_on<'a>(refused: &ServerError, may_not: &'a str) -> Option<&'a str> {
    let advice = match refused.code() {
        "NOAUTH" => "write the password into the URL: redis://:PASSWORD@HOST",
        "WRONGPASS" => "correct user and password in the URL",
        "NOPERM" => may_not,
        _ => match meaning(refused)? {
            Meaning::NoSuchDatabase => {
                "the number after the host in the URL is too high: the server has fewer databases"
            }
            Meaning::NoDatabasesInCluster => "write redis+cluster:// without a database",
            Meaning::NoSentinel => {
                "name the sentinels and their port in the URL, not the servers they watch over"
            }
            Meaning::NoCommand => {
                "the server must have it under its own name: see rename-command and disabled commands there"
            }
            Meaning::NoPasswordSet => "leave the password out of the URL, or set one on the server",
            Meaning::NoCluster => "write redis:// without +cluster",
            Meaning::NoPermissionForScript => may_not,
            _ => return None,
        },
    };
    Some(advice)
}

/// The meaning of an error for which the server has no code.
pub(crate) fn meaning(refused: &ServerError) -> Option<Meaning> {
    texts::meaning(Author::Redis, refused.details()?)
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(away) => f.write_str(&away.why),
            Self::Lost(_) => f.write_str("the connection broke before the answer"),
            Self::Refused(refused) => write!(f, "the server answered {}", in_words(refused)),
            Self::NotReplicated { acknowledged, wanted } => {
                write!(f, "{acknowledged} of {wanted} replicas acknowledged in time")
            }
        }
    }
}

/// A server's error in one line. The arguments of the command are left out, because they may be repeated in it.
fn in_words(refused: &ServerError) -> String {
    let details = refused.details().unwrap_or_default();
    let details = details.split(", with args beginning with").next().unwrap_or_default();
    one_line(&format!("{} {details}", refused.code()))
}
