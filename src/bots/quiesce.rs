use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::time::{Instant, sleep};

use crate::model::{AssetName, Backoff};

use super::{
    BotsError,
    api::Api,
    limits::{HTTP_AT_ONCE, QUIET},
    recorder::Recorder,
    round::{Baseline, Round},
    stored::Stored,
};

/// Waits, up to a limit, until the store's responses are consistent and every member has caught up with them. Returns
/// the store's state. Whatever is unsettled by then is left to the judgement.
pub(super) async fn quiesce(
    api: &Api,
    recorders: &[Arc<Recorder>],
    round: &Round,
    baselines: &[Baseline],
) -> Result<Vec<Stored>, BotsError> {
    let deadline = Instant::now() + QUIET;
    let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        let stored = read(api, &round.names, baselines).await?;
        let revisions: Vec<u64> = stored.iter().map(|asset| asset.revision).collect();
        let wait = backoff.next_pause();
        let quiet = stored.iter().all(Stored::is_settled)
            && recorders.iter().all(|recorder| recorder.has_reached(&revisions));
        if quiet || Instant::now() + wait > deadline {
            return Ok(stored);
        }
        sleep(wait).await;
    }
}

/// The round's assets with all of their holders.
async fn read(api: &Api, names: &[AssetName], baselines: &[Baseline]) -> Result<Vec<Stored>, BotsError> {
    let states: HashMap<_, _> =
        api.assets().await?.into_iter().map(|state| (state.asset.clone(), state)).collect();
    let states = &states;
    let reads = names.iter().zip(baselines).map(|(name, baseline)| async move {
        let Some(state) = states.get(name) else { return Ok(gone(*baseline)) };
        let holders = match api.holders(name).await {
            // The room still shows an asset that the store has lost.
            Err(BotsError::Refused { status: 404, .. }) => return Ok(gone(*baseline)),
            holders => holders?,
        };
        let (units, remaining) = (state.units, state.remaining);
        Ok(Stored { units, remaining, revision: state.revision, held: state.held, gone: false, holders })
    });
    stream::iter(reads).buffered(HTTP_AT_ONCE).try_collect().await
}

fn gone(baseline: Baseline) -> Stored {
    Stored { units: 0, remaining: 0, revision: baseline.revision, held: 0, gone: true, holders: Vec::new() }
}
