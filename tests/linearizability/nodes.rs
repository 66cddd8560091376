//! Several arbiters over one store, and the wire between them.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    arbiter::{Arbiter, Config},
    store::Store,
};
use fastrand::Rng;

use super::{plan::Plan, wire::Wire};

/// The plan's arbiters, and the wire between them.
pub fn start(plan: &Plan, store: &Arc<dyn Store>, rng: &mut Rng) -> (Vec<Arc<Arbiter>>, Arc<Wire>) {
    let wire = Wire::new(plan.nodes == 1, rng.fork(), plan.loss, plan.lateness);
    let config = Config {
        select_deadline: plan.deadline,
        resync_interval: Duration::from_secs(1),
        auto_create: plan.created_by_select().map(|new| new.units),
        ..Config::default()
    };
    let node = |_| Arbiter::start(config.clone(), Arc::clone(store), wire.end(), rng.u64(..));
    ((0..plan.nodes).map(node).collect(), Arc::clone(&wire))
}
