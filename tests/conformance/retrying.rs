use std::{collections::HashMap, future::Future, sync::Arc};

use asset_arbiter::{
    model::{Lease, NewAsset, PlayerName},
    store::{
        Applied, AssetKey, Call, NodeId, Reply, Result, Selected, Store, StoreErrorKind, Verdict,
        layer::{Forwarded, Layer},
    },
};
use async_trait::async_trait;
use parking_lot::Mutex;

/// Tries before a store is taken for dead: no sequence of faults of any probability below 0.9 is that long.
pub const TRIES: usize = 1000;

/// Repeats each call until it is answered and then answers as if nothing had been lost, so that properties
/// written for a store that never fails hold word for word. For one caller at a time: between calls nobody
/// else may change the asset, or a grant could be taken for this call's own.
pub struct Retrying {
    inner: Arc<dyn Store>,
    /// The newest call of each node on each asset that its caller made.
    newest: Mutex<HashMap<(NodeId, AssetKey), u64>>,
}

/// Repeats a call until it is answered, whatever the answer.
pub async fn answered<T, F>(call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.kind().temporary() => {}
            answer => return answer,
        }
    }
    call().await
}

impl Retrying {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, newest: Mutex::default() }
    }

    /// Whether its caller makes this call for the first time.
    fn first_made(&self, call: Call, key: &AssetKey) -> bool {
        let mut newest = self.newest.lock();
        let newest = newest.entry((call.node, key.clone())).or_default();
        let first = call.seq > *newest;
        *newest = call.seq.max(*newest);
        first
    }

    async fn revision(&self, key: &AssetKey) -> Result<u64> {
        match Layer::asset(self, key).await {
            Err(error) if error.kind() == StoreErrorKind::UnknownAsset => Ok(0),
            state => state.map(|state| state.revision),
        }
    }
}

#[async_trait]
impl Layer for Retrying {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    async fn run_change<T: Send + 'static>(
        &self,
        (call, key): (Call, &AssetKey),
        forwarded: Forwarded<Applied<T>>,
    ) -> Reply<T> {
        let first = self.first_made(call, key);
        let answer = answered(|| forwarded.make()).await?;
        Ok(if first { Applied::Now(answer.into_inner()) } else { answer })
    }

    async fn run<T: Send + 'static>(&self, call: Forwarded<T>) -> Result<T> {
        answered(|| call.make()).await
    }

    async fn select(
        &self,
        call: Call,
        key: &AssetKey,
        players: &[PlayerName],
        create: Option<Arc<NewAsset>>,
    ) -> Reply<Selected> {
        let first = self.first_made(call, key);
        let before = self.revision(key).await?;
        match answered(|| self.inner.select(call, key, players, create.clone())).await? {
            Applied::Repeat(mut selected) if first => {
                for verdict in &mut selected.verdicts {
                    match *verdict {
                        Verdict::AlreadyHeld { revision, until } if revision > before => {
                            *verdict = Verdict::Granted { revision, lease: Lease { until, ..Lease::NONE } }
                        }
                        _ => {}
                    }
                }
                Ok(Applied::Now(selected))
            }
            selected => Ok(selected),
        }
    }
}
