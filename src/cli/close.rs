use std::{convert::Infallible, future::pending, time::Duration};

use anyhow::anyhow;
use asset_arbiter::{arbiter::Arbiter, store::Store};
use tokio::time::timeout;

/// How long the store may take to be closed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends the server when the store can never work again.
pub(crate) async fn mind(store: &dyn Store, arbiter: &Arbiter) -> Infallible {
    let why = store.failed().await.to_string();
    arbiter.vital().fail(why.split_whitespace().collect::<Vec<_>>().join(" "));
    pending().await
}

/// How it went with a server that has ended: not well if something ended that it cannot live without.
///
/// # Errors
/// What that was.
pub(crate) fn outcome(arbiter: &Arbiter) -> anyhow::Result<()> {
    arbiter.vital().failure().map_or(Ok(()), |why| Err(anyhow!(why)))
}

/// Closes the store, whatever the process ends for.
///
/// # Errors
/// Why the process ends, and why the store could not be closed.
pub(crate) async fn close(store: &dyn Store, ended: anyhow::Result<()>) -> anyhow::Result<()> {
    let trouble = match timeout(PATIENCE, store.close()).await {
        Ok(Ok(())) => return ended,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it takes longer than {PATIENCE:?}"),
    };
    let trouble =
        format!("cannot close the store: {}", trouble.split_whitespace().collect::<Vec<_>>().join(" "));
    Err(match ended {
        Ok(()) => anyhow!(trouble),
        Err(error) => anyhow!("{error:#}; {trouble}"),
    })
}
