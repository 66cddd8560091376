use std::{convert::Infallible, future::pending, time::Duration};

use anyhow::anyhow;
use asset_arbiter::{arbiter::Arbiter, model::one_line, store::Store};
use tokio::time::timeout;

/// The timeout for closing the store.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stops the server when the store has failed for good.
pub(crate) async fn mind(store: &dyn Store, arbiter: &Arbiter) -> Infallible {
    let why = store.failed().await.to_string();
    arbiter.vital().fail(one_line(&why));
    pending().await
}

/// The result of a server that has stopped.
///
/// # Errors
/// The failure of a vital task, if that is why it stopped.
pub(crate) fn outcome(arbiter: &Arbiter) -> anyhow::Result<()> {
    arbiter.vital().failure().map_or(Ok(()), |why| Err(anyhow!(why)))
}

/// Closes the store, whatever the reason for the exit.
///
/// # Errors
/// The reason for the exit, and the error of closing the store.
pub(crate) async fn close(store: &dyn Store, ended: anyhow::Result<()>) -> anyhow::Result<()> {
    let failure = match timeout(PATIENCE, store.close()).await {
        Ok(Ok(())) => return ended,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it takes longer than {PATIENCE:?}"),
    };
    let failure = format!("cannot close the store: {}", one_line(&failure));
    Err(match ended {
        Ok(()) => anyhow!(failure),
        Err(error) => anyhow!("{error:#}; {failure}"),
    })
}
