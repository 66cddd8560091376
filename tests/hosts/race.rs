use std::{future::Future, time::Duration};

use asset_arbiter::bots::{self, Config, Length, Report};

use crate::{nodes::Node, support::one_race};

pub(crate) const PLAYERS: usize = 600;

/// Players spread over the nodes race in one room.
pub(crate) struct Race {
    pub(crate) assets: usize,
    pub(crate) units: u32,
    /// Selects a second over all players; 0: as fast as they can.
    pub(crate) rate: f64,
    pub(crate) length: Length,
}

/// New assets every second, most selects come too late, and some are always on their way.
pub(crate) fn rush(time: Duration) -> Race {
    Race { assets: 3, units: 10, rate: 2000.0, length: Length::Time(time) }
}

/// For 12 seconds; in the first 8 all the time somebody gets something, of which everybody is to hear.
pub(crate) fn stream() -> Race {
    Race { assets: 2, units: 400, rate: 100.0, length: Length::Rounds(1) }
}

impl Race {
    /// Runs it in a room of its own while something happens that begins with it. The promise must hold, for every player.
    pub(crate) async fn run<T>(self, urls: Vec<String>, happening: impl Future<Output = T>) -> (Report, T) {
        let config = Config {
            nodes: urls.iter().map(|url| url.parse().unwrap()).collect(),
            room: format!("race-{:08x}", fastrand::u32(..)).parse().unwrap(),
            players: PLAYERS,
            assets: self.assets,
            units: self.units,
            length: self.length,
            rate: self.rate,
            ..one_race(&[])
        };
        let (report, happened) = tokio::join!(bots::run(config), happening);
        let report = report.unwrap();
        assert!(report.held(), "{}", bots::text(&report));
        assert!(report.gave_up.is_empty(), "nobody is left behind");
        let decisions = &report.decisions;
        let selects = u64::from(report.rounds) * (PLAYERS * self.assets) as u64;
        assert_eq!((decisions.total, decisions.undecided), (selects, 0), "every select has its answer");
        let granted = decisions.granted + decisions.already_held;
        assert_eq!(granted, u64::from(report.rounds * self.units) * self.assets as u64, "all units are taken");
        (report, happened)
    }
}

pub(crate) fn urls(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(Node::url).collect()
}
