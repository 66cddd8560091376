use std::sync::Arc;

use asset_arbiter::store::{
    Applied, AssetKey, Call, Reply, Result, Store,
    layer::{Forwarded, Layer},
};
use async_trait::async_trait;
use tokio::time::{Duration, Instant, sleep};

use crate::engines::PATIENCE;

/// Repeats reads and removals of rooms until they are answered, and takes a breath after a change that was not: for properties that
/// are not written for a server that is away for a second.
pub struct Patient(pub Arc<dyn Store>);

const BREATH: Duration = Duration::from_millis(5);

#[async_trait]
impl Layer for Patient {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn run_change<T: Send + 'static>(
        &self,
        _: (Call, &AssetKey),
        call: Forwarded<Applied<T>>,
    ) -> Reply<T> {
        let answer = call.make().await;
        if answer.as_ref().is_err_and(|error| error.kind().temporary()) {
            sleep(BREATH).await;
        }
        answer
    }

    async fn run<T: Send + 'static>(&self, call: Forwarded<T>) -> Result<T> {
        let since = Instant::now();
        loop {
            match call.make().await {
                Err(error) if error.kind().temporary() && since.elapsed() < PATIENCE => sleep(BREATH).await,
                answer => return answer,
            }
        }
    }
}
