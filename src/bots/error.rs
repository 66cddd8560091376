use crate::model::RoomName;

/// Why a run could not be completed. Each error is one line with the reason and advice.
#[derive(Debug, thiserror::Error)]
pub enum BotsError {
    /// The configuration is invalid.
    #[error("{0}")]
    Usage(String),
    /// A server is unreachable.
    #[error("cannot reach {url}: {reason}; start it with `asset-arbiter serve`, or name another with --url")]
    Unreachable {
        /// The server's URL.
        url: String,
        /// The network error.
        reason: String,
    },
    /// A server's response does not follow the protocol.
    #[error("{what} was answered with {reason}; is there an asset-arbiter server of this version at --url?")]
    Strange {
        /// The request.
        what: String,
        /// The fault of the response.
        reason: String,
    },
    /// A server refuses a request.
    #[error("{what} was refused with {status}: {message}; {advice}")]
    Refused {
        /// The request.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The server's message.
        message: String,
        /// Advice for the user.
        advice: &'static str,
    },
    /// The limit on open files is too low.
    #[error(
        "{players} players need {needed} open files but only {limit} are allowed; raise the limit (ulimit -n {needed}) or take fewer --players"
    )]
    OpenFiles {
        /// The number of bots.
        players: usize,
        /// The number of files they need.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// Some bots could not join.
    #[error("{missing} of {players} bots could not join room {room}: {reason}")]
    Join {
        /// The number of bots that could not join.
        missing: usize,
        /// The number of bots.
        players: usize,
        /// The room.
        room: RoomName,
        /// Why the first of them gave up.
        reason: String,
    },
}

impl BotsError {
    /// The process exit code: 2 for wrong usage, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Usage(_)) { 2 } else { 1 }
    }
}
