//! What every store passes, unchanged, on each stand-in.

use crate::{
    engines::dynamodb,
    ground::APART,
    remote::{RACES, contract::keeps_the_contract, store},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract() {
    for engine in dynamodb::all() {
        let server = engine.start().await;
        keeps_the_contract(&store(&server.url()).await, RACES).await;
    }
}

/// DynamoDB Local takes seconds for what is a transaction then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract_with_holders_apart() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&(server.url() + APART)).await, RACES).await;
}
