use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use asset_arbiter::{bus::Bus, store::Store};
use tokio::time::{sleep, timeout};

/// How long a ping may take before it is made again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pauses between pings double from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Tries to reach the store and then the bus, and ends only if there is no hope to: when somebody has to change the
/// configuration. What is merely away is waited for.
pub(crate) async fn hopeless(store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> anyhow::Error {
    let store_trouble = async || store.ping().await.map_err(|error| (error.is_hopeless(), error.to_string()));
    let bus_trouble = async || bus.ping().await.map_err(|error| (error.is_hopeless(), error.to_string()));
    if let Err(why) = reach("--store", store_trouble).await {
        return why;
    }
    match reach("--bus", bus_trouble).await {
        Ok(()) => std::future::pending().await,
        Err(why) => why,
    }
}

/// Pings until there is an answer, or no hope.
async fn reach(flag: &str, ping: impl AsyncFn() -> Result<(), (bool, String)>) -> anyhow::Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout(PATIENCE, ping()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err((true, error))) => return Err(said(flag, &error)),
            Ok(Err((false, error))) => tracing::debug!(flag, error, "it is not reached yet"),
            Err(_) => tracing::debug!(flag, ?PATIENCE, "it did not answer"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// In one line, as everything that ends the process is.
fn said(flag: &str, error: &str) -> anyhow::Error {
    anyhow!("cannot use {flag}: {}", error.split_whitespace().collect::<Vec<_>>().join(" "))
}
