//! The whole of it: the binary on the fake, and its own bots against it.

use crate::{
    ground::momento,
    remote::race::{holds_on, holds_on_two_nodes},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_on_momento() {
    let Some(momento) = momento().await else { return };
    holds_on(&momento.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_holds_on_two_nodes() {
    let Some(momento) = momento().await else { return };
    holds_on_two_nodes(&momento.url()).await;
}
