//! The whole of it: the binary on the stand-ins, its own bots against it.

use crate::{
    engines::dynamodb,
    remote::race::{holds_on, holds_on_two_nodes},
};

#[tokio::test]
async fn the_promise_holds() {
    for engine in dynamodb::all() {
        holds_on(&engine.start().await.url()).await;
    }
}

#[tokio::test]
async fn the_promise_holds_over_two_nodes() {
    for engine in dynamodb::all() {
        holds_on_two_nodes(&engine.start().await.url()).await;
    }
}
