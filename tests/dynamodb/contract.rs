//! What every store passes, unchanged, on each stand-in.

use crate::{
    engines::dynamodb::{self, Engine},
    remote::{contract::keeps_the_contract, store},
};

/// Fault schedules of the promise: 300 on the quick one; fewer on the slow one.
pub(crate) const MANY: u64 = 300;
pub(crate) const FEW: u64 = 40;

async fn contract_on(engine: Option<Engine>, options: &str, races: u64) {
    let Some(engine) = engine else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&(server.url() + options)).await, races).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynoxide_keeps_the_contract() {
    contract_on(dynamodb::dynoxide(), "", MANY).await;
}

/// With at most two holders inside an asset, the others have items of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynoxide_keeps_the_contract_with_holders_apart() {
    contract_on(dynamodb::dynoxide(), "&inline=2", FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_local_keeps_the_contract() {
    contract_on(dynamodb::local(), "", FEW).await;
}
