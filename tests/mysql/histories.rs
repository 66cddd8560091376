//! On real servers, too, the answers are those of one asset to which one thing happened after the other.

use crate::{
    engines::mysql,
    remote::{
        SEEDS,
        histories::{are_linearizable, schedules_keep_every_promise},
        store,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_mysql_are_linearizable() {
    for engine in mysql::all() {
        let server = engine.start().await;
        are_linearizable(&store(&server.url_for_crowds()).await, engine.share_of(SEEDS)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_mysql_keep_every_promise() {
    for engine in mysql::all() {
        let server = engine.start().await;
        schedules_keep_every_promise(&store(&server.url_for_crowds()).await, engine.share_of(SEEDS)).await;
    }
}
