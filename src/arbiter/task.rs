use std::future::Future;

use futures::FutureExt;
use tokio::task::JoinHandle;

/// Polls `work` once and spawns a task only if `work` is still pending, because a store in memory answers at once.
pub(super) fn spawn_eager(work: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
    let mut work = Box::pin(work);
    let done = work.as_mut().now_or_never().is_some();
    (!done).then(|| tokio::spawn(work))
}
