use std::{collections::HashMap, future::Future, sync::Arc};

use asset_arbiter::{
    model::{AssetName, PlayerName, RoomName, Units},
    store::{Applied, Call, NodeId, Result, Selected, Store, StoreErrorKind, Verdict, faulty::Faulty},
};
use async_trait::async_trait;
use parking_lot::Mutex;

use super::layer::{Forwarded, Layer, Layered, Target};

/// Tries before a store is taken for dead: no sequence of faults of any probability below 0.9 is that long.
pub const TRIES: usize = 1000;

/// Repeats each call until it is answered and then answers as if nothing had been lost, so that properties
/// written for a store that never fails hold word for word. For one caller at a time: between calls nobody
/// else may change the asset, or a grant could be taken for this call's own.
pub struct Retrying {
    inner: Arc<Faulty>,
    /// The newest call of each node on each asset that its caller made.
    newest: Mutex<HashMap<(NodeId, RoomName, AssetName), u64>>,
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
    pub fn new(inner: Arc<Faulty>) -> Layered<Self> {
        Layered(Self { inner, newest: Mutex::default() })
    }

    /// Whether its caller makes this call for the first time.
    fn first_made(&self, call: Call, room: &RoomName, asset: &AssetName) -> bool {
        let mut newest = self.newest.lock();
        let newest = newest.entry((call.node, room.clone(), asset.clone())).or_default();
        let first = call.seq > *newest;
        *newest = call.seq.max(*newest);
        first
    }

    async fn revision(&self, room: &RoomName, asset: &AssetName) -> Result<u64> {
        match self.asset(room, asset).await {
            Err(error) if error.kind() == StoreErrorKind::UnknownAsset => Ok(0),
            state => state.map(|state| state.revision),
        }
    }
}

#[async_trait]
impl Layer for Retrying {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn run_change<T: Send>(
        &self,
        Target { call, room, asset }: Target<'_>,
        run: Forwarded<'_, Applied<T>>,
    ) -> Result<Applied<T>> {
        let first = self.first_made(call, room, asset);
        let answer = answered(run).await?;
        Ok(if first { Applied::Now(answer.into_inner()) } else { answer })
    }

    async fn run<T: Send>(&self, run: Forwarded<'_, T>) -> Result<T> {
        answered(run).await
    }

    async fn select(
        &self,
        call: Call,
        room: &RoomName,
        asset: &AssetName,
        players: &[PlayerName],
        create: Option<Units>,
    ) -> Result<Applied<Selected>> {
        let first = self.first_made(call, room, asset);
        let before = self.revision(room, asset).await?;
        match answered(|| self.inner.select(call, room, asset, players, create)).await? {
            Applied::Repeat(mut selected) if first => {
                for verdict in &mut selected.verdicts {
                    match *verdict {
                        Verdict::AlreadyHeld { revision } if revision > before => {
                            *verdict = Verdict::Granted { revision }
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
