//! What the benchmark and its worker processes say to each other: a JSON text a line, over standard input and output.
//! Times are microseconds of the machine's steady clock, which all processes share.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What a worker is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Connect all players, so many at a time. Answered by `Joined`.
    Join { window: usize },
    /// Listen for the grant of this asset in these rooms. Answered by `Watching`, and by `Told` once all know.
    Watch { rooms: Vec<u32>, asset: String },
    /// These players select the asset. Answered by `Asked`, and by `Replied` once all have their reply.
    Select { asset: String, players: Vec<u32> },
    /// The node will be killed. Its players come back to other nodes. Answered by `Losing`, and by `Back` once all
    /// have joined again.
    Lose { node: u16 },
    /// All is over: every player must be a member and know every grant of its room. Answered by `Audited`.
    Audit,
}

/// What a worker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Report {
    Joined {
        since: u64,
        until: u64,
        /// Frames with the number of players, to all players together.
        counts: u64,
    },
    /// The number of own players who are to hear.
    Watching {
        members: usize,
    },
    Asked {
        at: u64,
    },
    /// Who was granted the asset, each with its room.
    Replied {
        granted: Vec<(u32, u32)>,
        until: u64,
    },
    /// When each player heard, with the player's node, and which player of each room was announced.
    Told {
        heard: Vec<(u16, u64)>,
        announced: Vec<(u32, u32)>,
    },
    Losing {
        connections: usize,
    },
    Back {
        until: u64,
        /// Attempts to connect, and how many of them were closed by a node or found nobody.
        attempts: usize,
        closed: usize,
        refused: usize,
        counts: u64,
    },
    Audited,
    /// Something that must not be.
    Broken(String),
}

/// Microseconds of the clock that all processes share.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1000
}
