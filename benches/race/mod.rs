//! Bots that race on one node, with readings of the node after all have joined and after the race.

use std::time::Duration;

use asset_arbiter::bots::{self, Config, Length, Report};
use tokio::time::sleep;

use crate::support::Process;

/// The parameters of a race. Each round has new assets, and every player selects each of them once.
pub(crate) struct Race {
    pub(crate) what: &'static str,
    pub(crate) players: usize,
    pub(crate) assets: usize,
    pub(crate) units: u32,
    pub(crate) rounds: u32,
}

impl Race {
    /// Runs the race in its own room and reads the node twice. The promise must hold.
    pub(crate) async fn run<T>(&self, nodes: &[Process], read: impl AsyncFn() -> T) -> (Report, T, T) {
        let config = Config {
            nodes: nodes.iter().map(|node| format!("ws://{}", node.address).parse().unwrap()).collect(),
            room: format!("race-{:08x}", fastrand::u32(..)).parse().unwrap(),
            players: self.players,
            assets: self.assets,
            units: self.units,
            seed: 1,
            length: Length::Rounds(self.rounds),
            rate: 0.0,
            reconnect_chaos: 0.0,
            holds: None,
            admin_key: None,
            tokens: None,
            progress: false,
        };
        let (report, before) = tokio::join!(bots::run(config), async {
            self.all_have_joined(nodes).await;
            read().await
        });
        let (report, after) = (report.unwrap(), read().await);
        assert!(report.held(), "{}", bots::text(&report));
        (report, before, after)
    }

    async fn all_have_joined(&self, nodes: &[Process]) {
        loop {
            let mut joined = 0;
            for node in nodes {
                joined += node.metric("asset_arbiter_connections").await;
            }
            if joined >= self.players as u64 {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}
