use crate::model::RoomName;

/// Why a run could not be made. Each is one line that says why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BotsError {
    /// The configuration makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A server does not answer.
    #[error("cannot reach {url}: {reason}; start it with `asset-arbiter serve`, or name another with --url")]
    Unreachable {
        /// Which.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// A server answers something else than asset-arbiter would.
    #[error("{what} was answered with {reason}; is there an asset-arbiter server of this version at --url?")]
    Strange {
        /// What was asked.
        what: String,
        /// What came instead.
        reason: String,
    },
    /// A server refuses.
    #[error("{what} was refused with {status}: {message}; {advice}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The server's own words.
        message: String,
        /// What to do.
        advice: &'static str,
    },
    /// Too few files may be open at once.
    #[error(
        "{players} players need {needed} open files but only {limit} are allowed; raise the limit (ulimit -n {needed}) or take fewer --players"
    )]
    OpenFiles {
        /// How many bots were asked for.
        players: usize,
        /// How many files that takes.
        needed: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Some bots never got in.
    #[error("{missing} of {players} bots could not join room {room}: {reason}")]
    Join {
        /// How many.
        missing: usize,
        /// Of how many.
        players: usize,
        /// Where.
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
