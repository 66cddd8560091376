//! A store that ends what a call finds over in a step of its own, before the call's.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use asset_arbiter::store::{
    Applied, AssetKey, Call, NodeId, Reply, Store,
    layer::{Forwarded, Layer},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::time::sleep;

/// Does before each call what the optimistic stores do before those that change nothing else.
pub struct EndsApart {
    inner: Arc<dyn Store>,
    /// Those that came before. What comes again was answered, so nothing ends by it.
    seen: Mutex<HashSet<(NodeId, u64)>>,
    ends: AtomicU64,
}

/// One node for all ends, because a store remembers the last call of few.
const ENDS: NodeId = NodeId(u64::MAX);

/// Long enough for other clients to come between.
const BETWEEN: Duration = Duration::from_millis(5);

impl EndsApart {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, seen: Mutex::default(), ends: AtomicU64::new(1) }
    }
}

#[async_trait]
impl Layer for EndsApart {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn run_change<T: Send + 'static>(
        &self,
        (call, key): (Call, &AssetKey),
        forwarded: Forwarded<Applied<T>>,
    ) -> Reply<T> {
        let is_first = self.seen.lock().insert((call.node, call.seq));
        if is_first {
            let ends = Call { node: ENDS, seq: self.ends.fetch_add(1, Relaxed), at: call.at, by: None };
            // Fails where there is no asset.
            self.inner.expire(ends, key).await.ok();
            sleep(BETWEEN).await;
        }
        forwarded.make().await
    }
}
