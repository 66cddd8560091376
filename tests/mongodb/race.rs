//! The program on MongoDB, and its bots.

use crate::{engines::mongodb::ferretdb, remote::race};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_race_and_the_promise_holds() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    race::holds_on(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_race_on_two_nodes_and_the_promise_holds_over_both() {
    let Some(engine) = ferretdb() else { return };
    let server = engine.start();
    race::holds_on_two_nodes(&server.url()).await;
}
