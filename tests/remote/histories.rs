use std::sync::Arc;

use asset_arbiter::store::Store;

use crate::{
    conformance::seeds,
    linearizability::{
        histories_in_real_time, histories_with_deadlines_in_real_time, run::Ends, schedules_in_real_time,
    },
};

/// As many at once as leave two cores time to answer each in time.
const AT_ONCE: usize = 40;

/// So many seeded histories of clients on the store itself are linearizable.
pub async fn are_linearizable(store: &Arc<dyn Store>, count: u64) {
    histories_in_real_time(|| Arc::clone(store), seeds(count), AT_ONCE).await;
}

/// The same for a fifth as many of grants that end.
pub async fn with_deadlines_are_linearizable(ends: Ends, store: &Arc<dyn Store>, count: u64) {
    histories_with_deadlines_in_real_time(ends, || Arc::clone(store), seeds(count / 5), AT_ONCE).await;
}

/// So many seeded schedules of one arbiter or two keep every promise.
pub async fn schedules_keep_every_promise(store: &Arc<dyn Store>, count: u64) {
    schedules_in_real_time(|| Arc::clone(store), seeds(count), AT_ONCE).await;
}
