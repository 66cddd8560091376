use std::fmt;

use crate::model::one_line;
use redis::ServerError;

/// A call without an answer from a script.
#[derive(Debug, Clone)]
pub(crate) enum RedisError {
    /// The call was not sent, with the reason.
    Away(String),
    /// The call was sent, and then the connection broke.
    Lost(redis::RedisError),
    /// The server answered with an error.
    Refused(ServerError),
    /// The call took effect, but on fewer replicas than required.
    NotReplicated { acknowledged: u64, wanted: u64 },
}

/// Parts of messages whose errors last until the configuration changes, with advice.
const HOPELESS: [(&str, &str); 11] = [
    ("NOAUTH", "write the password into the URL: redis://:PASSWORD@HOST"),
    ("WRONGPASS", "correct user and password in the URL"),
    (
        "DB index is out of range",
        "the number after the host in the URL is too high: the server has fewer databases",
    ),
    ("SELECT is not allowed in cluster mode", "write redis+cluster:// without a database"),
    (
        "unknown command 'SENTINEL'",
        "name the sentinels and their port in the URL, not the servers they watch over",
    ),
    (
        "unknown command",
        "the server must have it under its own name: see rename-command and disabled commands there",
    ),
    ("without any password configured", "leave the password out of the URL, or set one on the server"),
    ("certificate", "name the host as its certificate does, or what to trust in SSL_CERT_FILE"),
    ("cluster support disabled", "write redis:// without +cluster"),
    ("resp3 cannot be used", "a bus needs Redis 6 or later"),
    ("it is not a Redis server", "correct host and port in the URL"),
];

/// Part of a message whose error may be temporary, with advice.
const UNFOUND: (&str, &str) =
    ("failed to lookup address", "is the host in the URL right? waiting until it is found");

/// Appends advice to the message of an error that may be temporary.
pub(crate) fn with_advice(why: String) -> String {
    let (words, advice) = UNFOUND;
    if why.contains(words) { format!("{why}; {advice}") } else { why }
}

/// Advice for an error that lasts until the configuration changes; `may_not` is for a missing permission.
pub(crate) fn advice<'a>(why: &str, may_not: &'a str) -> Option<&'a str> {
    let advice = HOPELESS.iter().find(|(words, _)| why.contains(words)).map(|(_, advice)| *advice);
    advice.or_else(|| why.contains("NOPERM").then_some(may_not))
}

impl RedisError {
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
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) => f.write_str(why),
            Self::Lost(_) => f.write_str("the connection broke before the answer"),
            Self::Refused(refused) => write!(f, "the server answered {}", in_words(refused)),
            Self::NotReplicated { acknowledged, wanted } => {
                write!(f, "{acknowledged} of {wanted} replicas acknowledged in time")
            }
        }
    }
}

/// A server's error in one line. The arguments of the command are left out, because they may be repeated in it.
pub(crate) fn in_words(refused: &ServerError) -> String {
    let details = refused.details().unwrap_or_default();
    let details = details.split(", with args beginning with").next().unwrap_or_default();
    one_line(&format!("{} {details}", refused.code()))
}
