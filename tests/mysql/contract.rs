//! What every store passes, unchanged, on each kind of server.

use crate::{
    engines::mysql,
    remote::{contract::keeps_the_contract, store},
};

/// Fault schedules of the promise: 300 on TiDB, whose name the store goes by; fewer on its kin.
const MANY: u64 = 300;
const FEW: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tidb_keeps_the_contract() {
    let Some(engine) = mysql::tidb() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&server.url()).await, MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_the_contract() {
    let Some(engine) = mysql::mariadb() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&server.url()).await, FEW).await;
}
