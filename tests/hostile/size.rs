use std::{env, time::Duration};

/// How much of everything there is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// How long one kind plays.
    pub(crate) scene: Duration,
    /// How long the connections of a flood come back.
    pub(crate) flood: Duration,
    /// Connections of one address.
    pub(crate) connections: usize,
    /// Half-open handshakes.
    pub(crate) half_open: usize,
    /// Names of rooms.
    pub(crate) names: usize,
    /// Assets of the large room: 3 KB each.
    pub(crate) assets: usize,
}

impl Size {
    /// A short run, unless the environment has `LONG=1`.
    pub(crate) fn of_this_run() -> Self {
        let seconds = Duration::from_secs;
        if env::var_os("LONG").is_some() {
            let (half_open, names) = (1000, 1_000_000);
            // Both ends have as many files: the rest is for what they have open besides.
            let files = rlimit::increase_nofile_limit(u64::MAX).unwrap() as usize;
            let connections = 20_000.min(files - 1000);
            Self { scene: seconds(10), flood: seconds(20), connections, half_open, names, assets: 4096 }
        } else {
            let (connections, half_open, names) = (500, 100, 4000);
            Self { scene: seconds(3), flood: seconds(3), connections, half_open, names, assets: 128 }
        }
    }
}
