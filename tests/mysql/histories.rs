//! On real servers, too, the answers are those of one asset to which one thing happened after the other.

use crate::{
    engines::mysql::{self, Engine},
    remote::{
        histories::{are_linearizable, schedules_keep_every_promise},
        store,
    },
};

/// 300 for each store, on TiDB; fewer on its kin.
const MANY: u64 = 300;
const FEW: u64 = 100;

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
async fn histories_of_tidb_are_linearizable() {
    histories_of(mysql::tidb(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_mariadb_are_linearizable() {
    histories_of(mysql::mariadb(), FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_tidb_keep_every_promise() {
    schedules_over(mysql::tidb(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_mariadb_keep_every_promise() {
    schedules_over(mysql::mariadb(), FEW).await;
}
