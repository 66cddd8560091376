use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::time::{Instant, sleep};

use crate::model::{AssetName, AssetState, Backoff};

use super::{
    BotsError,
    api::Api,
    limits::{HTTP_AT_ONCE, QUIET},
    recorder::Recorder,
};

/// Waits, up to a limit, until the store's responses are consistent and every member has caught up with them. Returns
/// the store's state of every asset, with all holders. Whatever is unsettled by then is left to the judgement.
pub(super) async fn quiesce(
    api: &Api,
    recorders: &[Arc<Recorder>],
    baselines: &[AssetState],
) -> Result<Vec<AssetState>, BotsError> {
    let deadline = Instant::now() + QUIET;
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        let stored = read(api, baselines).await?;
        let revisions: Vec<u64> = stored.iter().map(|asset| asset.revision).collect();
        let wait = backoff.next_pause();
        let quiet =
            stored.iter().all(is_settled) && recorders.iter().all(|recorder| recorder.has_reached(&revisions));
        if quiet || Instant::now() + wait > deadline {
            return Ok(stored);
        }
        sleep(wait).await;
    }
}

async fn read(api: &Api, baselines: &[AssetState]) -> Result<Vec<AssetState>, BotsError> {
    let states: HashMap<AssetName, AssetState> =
        api.assets().await?.into_iter().map(|state| (state.asset.clone(), state)).collect();
    let states = &states;
    let reads = baselines.iter().map(|baseline| async move {
        let Some(state) = states.get(&baseline.asset) else { return Ok(gone(baseline)) };
        // The room may still show an asset that the store has lost.
        let Some(holders) = api.holders(&baseline.asset).await? else { return Ok(gone(baseline)) };
        Ok(AssetState { holders, ..state.clone() })
    });
    stream::iter(reads).buffered(HTTP_AT_ONCE).try_collect().await
}

/// An asset that was removed, or lost.
fn gone(baseline: &AssetState) -> AssetState {
    let holders = Vec::new();
    AssetState { units: 0, remaining: 0, held: 0, holders, removed: true, ..baseline.clone() }
}

/// Returns true if state and holders are consistent with each other.
fn is_settled(asset: &AssetState) -> bool {
    let counted = asset.holders.len() == asset.held as usize;
    !asset.removed && counted && asset.holders.iter().all(|holder| holder.revision <= asset.revision)
}
