use crate::model::{InvalidName, RoomName};

/// Why a run could not be completed. Each error is one line with the reason and advice.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is and its fields are its message's words")]
pub enum BotsError {
    /// The configuration is invalid.
    #[error("{0}")]
    Usage(String),
    /// An impossibly large number would make a bot's name too long.
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("cannot reach {url}: {reason}; start it with `asset-arbiter serve`, or name another with --url")]
    Unreachable { url: String, reason: String },
    /// A server's response does not follow the protocol.
    #[error("{what} was answered with {reason}; is there an asset-arbiter server of this version at --url?")]
    Strange { what: String, reason: String },
    #[error("no root certificates to verify a wss:// server: {0}; name a file of them in SSL_CERT_FILE")]
    Certificates(String),
    #[error("{what} was refused with {status}: {message}; {advice}")]
    Refused { what: String, status: u16, message: String, advice: &'static str },
    #[error(
        "{players} players need {needed} open files but only {limit} are allowed; raise the limit (ulimit -n {needed}) or take fewer --players"
    )]
    OpenFiles { players: usize, needed: u64, limit: u64 },
    #[error("{missing} of {players} bots could not join room {room}: {reason}")]
    Join { missing: usize, players: usize, room: RoomName, reason: String },
}

impl BotsError {
    /// The process exit code: 2 for wrong usage, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_) | Self::Name(_)) { 2 } else { 1 }
    }
}
