//! On the stand-ins, too, the answers are those of one asset to which one thing happened after the other.

use crate::{
    contract::{FEW, MANY},
    engines::dynamodb::{self, Engine},
    remote::{
        histories::{are_linearizable, schedules_keep_every_promise},
        store,
    },
};

async fn histories_of(engine: Option<Engine>, count: u64) {
    let Some(engine) = engine else { return };
    let server = engine.start().await;
    are_linearizable(&store(&server.url()).await, count).await;
}

async fn schedules_over(engine: Option<Engine>, count: u64) {
    let Some(engine) = engine else { return };
    let server = engine.start().await;
    schedules_keep_every_promise(&store(&server.url()).await, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_dynoxide_are_linearizable() {
    histories_of(dynamodb::dynoxide(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_dynamodb_local_are_linearizable() {
    histories_of(dynamodb::local(), FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_dynoxide_keep_every_promise() {
    schedules_over(dynamodb::dynoxide(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_dynamodb_local_keep_every_promise() {
    schedules_over(dynamodb::local(), FEW).await;
}
