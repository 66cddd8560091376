//! What every store passes, unchanged, on each kind of server.

use crate::{
    engines::mysql,
    remote::{contract::keeps_the_contract, store},
};

/// Fault schedules of the promise: 300 on MariaDB; fewer on TiDB, whose built-in store takes its time.
const MANY: u64 = 300;
const FEW: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_the_contract() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&server.url_for_crowds()).await, MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tidb_keeps_the_contract() {
    let Some(engine) = mysql::tidb() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&server.url_for_crowds()).await, FEW).await;
}
