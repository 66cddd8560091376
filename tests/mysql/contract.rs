//! What every store passes, unchanged, on each kind of server.

use crate::{
    engines::mysql,
    remote::{RACES, contract::keeps_the_contract, store},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_keeps_the_contract() {
    for engine in mysql::all() {
        let server = engine.start().await;
        keeps_the_contract(&store(&server.url_for_crowds()).await, RACES).await;
    }
}
