use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use asset_arbiter::store::{
    Result, Store,
    layer::{Forwarded, Layer},
};
use async_trait::async_trait;
use tokio::task::coop::unconstrained;

/// A store whose calls each end before anything else of the runtime goes on. Its threads then cannot change the
/// order of things, so a seed replays exactly; but no two changes ever share a commit.
pub(crate) struct InStep(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Layer for InStep {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn run<T: Send + 'static>(&self, call: Forwarded<T>) -> Result<T> {
        finish(call.make())
    }
}

/// Keeps this thread, and with it a runtime of one thread, until the call has ended.
fn finish<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(unconstrained(call));
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
