use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::{
    bus_watch,
    expiry::Expiry,
    node::Node,
    readiness::{Readiness, probe},
    skew::Skew,
    task::spawn_eager,
    upkeep::{Receiver, Upkeep},
    vital::Vital,
};

/// Starts what runs until the node ends.
pub(super) fn start_tasks(
    node: &Arc<Node>,
    readiness: &Arc<Readiness>,
    vital: &Arc<Vital>,
    (upkeep, expiry, skew): (Upkeep, Expiry, Arc<Skew>),
    receiver: Receiver,
) -> Vec<AbortOnDropHandle<()>> {
    if node.store.shared() && !node.bus.reaches_other_nodes() {
        let within = node.config.resync_interval;
        tracing::warn!(
            ?within,
            "the bus reaches no other node: what others change in this store is seen by and by"
        );
    }
    let probe = spawn_eager(probe(Arc::clone(node), Arc::clone(readiness)));
    let mut tasks: Vec<_> = probe.map(AbortOnDropHandle::new).into_iter().collect();
    let upkeep = vital.guard("the arbiter's upkeep", upkeep.run());
    tasks.push(AbortOnDropHandle::new(tokio::spawn(upkeep)));
    let expiry = vital.guard("the arbiter's ends of grants", expiry.run());
    tasks.push(AbortOnDropHandle::new(tokio::spawn(expiry)));
    if let Some(incoming) = node.bus.incoming() {
        let receive = vital.guard("the arbiter's ear on the bus", receiver.run(incoming));
        tasks.push(AbortOnDropHandle::new(tokio::spawn(receive)));
    }
    tasks.push(AbortOnDropHandle::new(tokio::spawn(skew.watch(Arc::clone(readiness)))));
    tasks.extend(bus_watch::watch(node));
    tasks
}
