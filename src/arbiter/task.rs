use std::future::Future;

use futures::FutureExt;

/// Polls once, and only what is not done by then becomes a task: a store in memory costs no task switch.
pub(super) fn spawn_eager(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().now_or_never().is_none() {
        tokio::spawn(work);
    }
}
