//! Asks the bus now and again whether it is there, for `asset_arbiter_bus_up`. Nothing else depends on the answer.

use std::{sync::Arc, time::Duration};

use metrics::gauge;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::node::Node;

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A slower answer counts as none.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Watches the bus until the handle is dropped. `None`: it reaches no other node, so there is nothing to watch.
pub(super) fn watch(node: &Arc<Node>) -> Option<AbortOnDropHandle<()>> {
    if !node.bus.reaches_other_nodes() {
        return None;
    }
    let (up, bus) = (gauge!("asset_arbiter_bus_up"), Arc::clone(&node.bus));
    Some(AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            let is_up = matches!(timeout(ANSWERED_WITHIN, bus.ping()).await, Ok(Ok(())));
            up.set(f64::from(u8::from(is_up)));
            sleep(LOOK_EVERY).await;
        }
    })))
}
