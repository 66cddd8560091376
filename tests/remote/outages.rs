//! The promise holds while a server stops, dies and comes back in the middle of things.

use std::time::Duration;

use tokio::time::sleep;

use super::{patient, traffic::in_mid_traffic};
use crate::engines::process::Process;

/// The server stops now and then; the last time for so long that connections are given up.
pub async fn the_promise_holds_over_stops(url: &str, process: &Process) {
    let stops = async {
        for stop in [100, 300, 2500] {
            sleep(Duration::from_millis(200)).await;
            process.pause();
            sleep(Duration::from_millis(stop)).await;
            process.resume();
        }
    };
    in_mid_traffic(&patient(url).await, stops).await;
}

/// `kill` kills the server and starts it again after so long.
pub async fn the_promise_holds_over_kills(url: &str, mut kill: impl AsyncFnMut(Duration)) {
    let kills = async {
        for away in [0, 50, 400] {
            sleep(Duration::from_millis(400)).await;
            kill(Duration::from_millis(away)).await;
        }
    };
    in_mid_traffic(&patient(url).await, kills).await;
}
