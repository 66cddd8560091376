//! What every store passes, unchanged, on each stand-in.

use std::time::Duration;

use crate::{
    engines::dynamodb,
    ground::{APART, servers},
    linearizability::run::Ends,
    remote::{
        RACES, SEEDS, clocks,
        contract::{keeps_the_contract, revocations_outlast_their_node},
        histories::{are_linearizable, schedules_keep_every_promise, with_deadlines_are_linearizable},
        race::{holds_on, holds_on_two_nodes, holds_with_ends_on},
        store,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract() {
    for server in servers().await {
        keeps_the_contract(&store(&server.url()).await, RACES).await;
    }
}

/// DynamoDB Local takes seconds for what is a transaction then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract_with_holders_apart() {
    let Some(engine) = dynamodb::dynoxide() else { return };
    let server = engine.start().await;
    keeps_the_contract(&store(&(server.url() + APART)).await, RACES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_dynamodb_are_linearizable() {
    for server in servers().await {
        are_linearizable(&store(&server.url()).await, SEEDS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_on_dynamodb_end_as_if_one_thing_happened_after_the_other() {
    for server in servers().await {
        with_deadlines_are_linearizable(Ends::Apart, &store(&server.url()).await, SEEDS).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_dynamodb_keep_every_promise() {
    for server in servers().await {
        schedules_keep_every_promise(&store(&server.url()).await, SEEDS).await;
    }
}

#[tokio::test]
async fn bots_race_and_the_promise_holds() {
    for server in servers().await {
        holds_on(&server.url()).await;
    }
}

#[tokio::test]
async fn bots_race_for_holds_that_end_and_the_promise_holds() {
    for server in servers().await {
        holds_with_ends_on(&server.url()).await;
    }
}

#[tokio::test]
async fn bots_race_on_two_nodes_and_the_promise_holds_over_both() {
    for server in servers().await {
        holds_on_two_nodes(&server.url()).await;
    }
}

#[tokio::test]
async fn revocations_outlast_their_node_on_dynamodb() {
    for server in servers().await {
        revocations_outlast_their_node(&server.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_noticed() {
    for server in servers().await {
        // An HTTP date has whole seconds.
        clocks::that_differ_are_noticed(&server.url(), Duration::from_secs(1)).await;
    }
}
