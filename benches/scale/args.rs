//! The command line.

use std::time::Duration;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct Args {
    pub(crate) connections: u32,
    pub(crate) nodes: u32,
    pub(crate) buses: Vec<Bus>,
    pub(crate) rooms: Vec<Rooms>,
    /// How long to watch the idle processes. The default is the nodes' `--ping-interval`, so that each connection is
    /// pinged once.
    pub(crate) idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bus {
    Redis,
    Nats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rooms {
    Hundreds,
    One,
}

/// Players of a small room.
const SMALL: u32 = 100;
/// A race takes that many.
const FEWEST: u32 = 2000;
/// Open files of a process beside its connections, and connections that are being replaced.
const OTHER_FILES: u64 = 300;

impl Args {
    /// Reads the words, of which cargo adds `--bench`.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self {
            connections: 96_000,
            nodes: 8,
            buses: vec![Bus::Redis, Bus::Nats],
            rooms: vec![Rooms::Hundreds, Rooms::One],
            idle: Duration::from_secs(25),
        };
        let mut words = words.filter(|word| word != "--bench");
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            let number = || value.parse::<u32>().map_err(|_| format!("{flag} needs a number"));
            match (flag.as_str(), value.as_str()) {
                ("--connections", _) => args.connections = number()?,
                ("--nodes", _) => args.nodes = number()?,
                ("--idle", _) => args.idle = Duration::from_secs(number()?.into()),
                ("--only", "redis") => args.buses = vec![Bus::Redis],
                ("--only", "nats") => args.buses = vec![Bus::Nats],
                ("--rooms", "100") => args.rooms = vec![Rooms::Hundreds],
                ("--rooms", "one") => args.rooms = vec![Rooms::One],
                _ => return Err(format!("there is no {flag} {value}")),
            }
        }
        if args.nodes < 2 || args.nodes > SMALL / 2 || args.connections < FEWEST {
            return Err(format!("2 to {} nodes and at least {FEWEST} connections, please", SMALL / 2));
        }
        Ok(args)
    }

    /// Players of a room.
    pub(crate) fn room_size(&self, rooms: Rooms) -> u32 {
        if rooms == Rooms::One { self.connections } else { SMALL }
    }

    /// Connections of a node when another one is gone.
    pub(crate) fn most_of_a_node(&self) -> u32 {
        self.connections.div_ceil(self.nodes - 1)
    }

    /// Whether processes may open enough files.
    pub(crate) fn check_files(&self, limit: u64) -> Result<(), String> {
        // They come back to nodes at random, which is not quite even.
        let needed = u64::from(self.most_of_a_node()) * 21 / 20 + OTHER_FILES;
        let more = format!("{limit} open files are too few: {needed} are needed (ulimit -n), or more --nodes");
        if needed > limit { Err(more) } else { Ok(()) }
    }
}
