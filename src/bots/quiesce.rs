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

/// Waits, up to a limit, until the store's responses are consistent, no grant has a deadline ahead, and every member has
/// caught up. Returns the store's state of every asset, with all holders. Whatever is unsettled by then is left to the
/// judgement. `hold` is how long the holds of the round last.
pub(super) async fn quiesce(
    api: &Api,
    recorders: &[Arc<Recorder>],
    baselines: &[AssetState],
    hold: Option<Duration>,
) -> Result<Vec<AssetState>, BotsError> {
    let deadline = Instant::now() + QUIET + hold.unwrap_or_default();
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        let readings = read(api, baselines).await?;
        let revisions: Vec<u64> = readings.iter().map(|reading| reading.stored.revision).collect();
        let wait = backoff.next_pause();
        let quiet = readings.iter().all(Reading::is_settled)
            && recorders.iter().all(|recorder| recorder.has_reached(&revisions));
        if quiet || Instant::now() + wait > deadline {
            return Ok(readings.into_iter().map(|reading| reading.stored).collect());
        }
        sleep(wait).await;
    }
}

/// What the servers say about an asset.
struct Reading {
    /// The state, with all holders.
    stored: AssetState,
    /// A grant has a deadline ahead: by the list of holders, or by the room, which may lag behind.
    ends: bool,
}

async fn read(api: &Api, baselines: &[AssetState]) -> Result<Vec<Reading>, BotsError> {
    let states: HashMap<AssetName, AssetState> =
        api.assets().await?.into_iter().map(|state| (state.asset.clone(), state)).collect();
    let states = &states;
    let reads = baselines.iter().map(|baseline| async move {
        let Some(state) = states.get(&baseline.asset) else { return Ok(gone(baseline)) };
        // The room may still show an asset that the store has lost.
        let Some(holders) = api.holders(&baseline.asset).await? else { return Ok(gone(baseline)) };
        let ends = holders.iter().chain(&state.holders).any(|holder| holder.until.is_some());
        Ok(Reading { stored: AssetState { holders, ..state.clone() }, ends })
    });
    stream::iter(reads).buffered(HTTP_AT_ONCE).try_collect().await
}

/// An asset that was removed, or lost.
fn gone(baseline: &AssetState) -> Reading {
    let holders = Vec::new();
    let stored = AssetState { units: 0, remaining: 0, held: 0, holders, removed: true, ..baseline.clone() };
    Reading { stored, ends: false }
}

impl Reading {
    /// Returns true if state and holders are consistent with each other, and no grant is about to end.
    fn is_settled(&self) -> bool {
        let asset = &self.stored;
        let counted = asset.holders.len() == asset.held as usize;
        let known = asset.holders.iter().all(|holder| holder.revision <= asset.revision);
        !asset.removed && counted && known && !self.ends
    }
}
