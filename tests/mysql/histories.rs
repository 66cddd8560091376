//! On real servers, too, the answers are those of one asset to which one thing happened after the other.

use crate::{
    engines::mysql::{self, Engine},
    remote::{
        histories::{are_linearizable, schedules_keep_every_promise},
        store,
    },
};

/// 300 on MariaDB; fewer on TiDB, whose built-in store takes its time.
const MANY: u64 = 300;
const FEW: u64 = 60;

async fn histories_of(engine: Option<Engine>, count: u64) {
    let Some(engine) = engine else { return };
    let server = engine.start().await;
    are_linearizable(&store(&server.url_for_crowds()).await, count).await;
}

async fn schedules_over(engine: Option<Engine>, count: u64) {
    let Some(engine) = engine else { return };
    let server = engine.start().await;
    schedules_keep_every_promise(&store(&server.url_for_crowds()).await, count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_tidb_are_linearizable() {
    histories_of(mysql::tidb(), FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_mariadb_are_linearizable() {
    histories_of(mysql::mariadb(), MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_tidb_keep_every_promise() {
    schedules_over(mysql::tidb(), FEW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_mariadb_keep_every_promise() {
    schedules_over(mysql::mariadb(), MANY).await;
}
