use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use asset_arbiter::{
    arbiter::Arbiter,
    bus::Bus,
    model::{Backoff, LogThrottle, one_line},
};
use tokio::time::{sleep, timeout};

/// The timeout of one ping of the bus.
const PATIENCE: Duration = Duration::from_secs(5);
/// The backoff between pings doubles from the first pause to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Waits for the store and then the bus. Returns only if a permanent error requires a change of the configuration; an
/// unreachable server is retried.
pub(crate) async fn hopeless(arbiter: Arc<Arbiter>, bus: Arc<dyn Bus>) -> anyhow::Error {
    if let Err(why) = arbiter.store_reached().await {
        return said("--store", &why);
    }
    drop(arbiter);
    match reach(&*bus).await {
        Ok(()) => std::future::pending().await,
        Err(why) => said("--bus", &why),
    }
}

/// Pings the bus until it answers or fails permanently.
async fn reach(bus: &dyn Bus) -> Result<(), String> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let warnings = LogThrottle::each_minute();
    loop {
        let why = match timeout(PATIENCE, bus.ping()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.is_hopeless() => return Err(error.to_string()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        if let Some(held_back) = warnings.due() {
            tracing::warn!(why, held_back, "the bus is not reached yet");
        }
        sleep(backoff.next_pause()).await;
    }
}

/// On one line, like every fatal error.
fn said(flag: &str, error: &str) -> anyhow::Error {
    anyhow!("cannot use {flag}: {}", one_line(error))
}
