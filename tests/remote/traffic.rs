use std::{cell::Cell, future::Future, sync::Arc, time::Duration};

use asset_arbiter::store::{Store, faulty::Faults};
use futures::future::{join, join_all};

use crate::conformance::promise_under_faults;

/// Races that go on beside each other.
const LANES: u64 = 4;

/// Runs race after race until `trouble` is over, and checks the promise for each of them.
pub async fn in_mid_traffic<T>(store: &Arc<dyn Store>, trouble: impl Future<Output = T>) -> T {
    let slow = Faults { delayed: 1.0, max_delay: Duration::from_millis(2), ..Faults::default() };
    let over = Cell::new(false);
    let lane = async |lane: u64| {
        let mut seed = lane;
        while !over.get() {
            promise_under_faults(|| Arc::clone(store), slow, seed..seed + 1).await;
            seed += LANES;
        }
    };
    let until_over = async {
        let outcome = trouble.await;
        over.set(true);
        outcome
    };
    join(join_all((0..LANES).map(lane)), until_over).await.1
}
