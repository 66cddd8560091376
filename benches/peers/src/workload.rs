//! What the players do.

/// A workload. Its numbers are in README.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// In one room, the first `takers` players select the same fresh asset; the next round begins when everybody has
    /// all that is coming to them.
    Rounds {
        /// All players of the room.
        players: u32,
        /// Those who select.
        takers: u32,
    },
    /// In `ROOMS` rooms of `PLAYERS`, each player keeps `in_flight` selects under way; `SHARE` players select each asset.
    Flood {
        /// Selects of one player that wait for their reply.
        in_flight: u32,
    },
    /// The same rooms, with this many selects a second over all players.
    Paced {
        /// Selects a second.
        per_second: u32,
    },
    /// Players connect and join one room, `JOINING` at a time.
    Joins {
        /// Those who are measured; as many as half of them join before.
        players: u32,
    },
    /// Players connect, join rooms of `IDLE_ROOM`, and do nothing.
    Idle {
        /// Those who are measured; as many as a tenth of them join before.
        players: u32,
    },
}

/// Rooms of a flood.
pub const ROOMS: u32 = 10;
/// Players of each of them.
pub const PLAYERS: u32 = 20;
/// Players who select an asset of a flood, so that a tenth of the selects are granted.
pub const SHARE: u32 = 10;
/// Connections that are opened at a time.
pub const JOINING: u32 = 16;
/// Players of a room of idle ones.
pub const IDLE_ROOM: u32 = 100;

/// All workloads by name.
pub const ALL: [(&str, Workload); 9] = [
    ("race100", Workload::Rounds { players: 100, takers: 100 }),
    ("race1000", Workload::Rounds { players: 1000, takers: 1000 }),
    ("flood1", Workload::Flood { in_flight: 1 }),
    ("flood4", Workload::Flood { in_flight: 4 }),
    ("fanout100", Workload::Rounds { players: 100, takers: 1 }),
    ("fanout1000", Workload::Rounds { players: 1000, takers: 1 }),
    ("paced5000", Workload::Paced { per_second: 5000 }),
    ("joins", Workload::Joins { players: 2000 }),
    ("idle", Workload::Idle { players: 4000 }),
];

impl Workload {
    /// A name for people.
    pub fn title(self) -> String {
        match self {
            Self::Rounds { players, takers: 1 } => format!("Fan-out to {players}"),
            Self::Rounds { players, .. } => format!("Race of {players}"),
            Self::Flood { in_flight } => format!("Flood, {in_flight} in flight"),
            Self::Paced { per_second } => format!("Paced, {per_second} a second"),
            Self::Joins { .. } => "Connect and join".to_owned(),
            Self::Idle { .. } => "Idle connection".to_owned(),
        }
    }

    /// What is counted.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Rounds { takers: 1, .. } => "delivery",
            Self::Rounds { .. } | Self::Flood { .. } | Self::Paced { .. } => "decision",
            Self::Joins { .. } => "join",
            Self::Idle { .. } => "connection",
        }
    }

    /// What is measured of each.
    pub fn measure(self) -> &'static str {
        if matches!(self, Self::Idle { .. }) { "KB" } else { "us" }
    }

    /// Whether a server that decides nothing can take part.
    pub fn needs_decisions(self) -> bool {
        matches!(self, Self::Flood { .. } | Self::Paced { .. })
            || matches!(self, Self::Rounds { takers, .. } if takers > 1)
    }
}
