//! What every store passes, unchanged; also behind faults made up and real. First of all, the server itself is one that
//! compares and sets in one step.

use std::time::Duration;

use futures::future::join_all;
use mongodb::{
    bson::{Document, doc},
    options::ReturnDocument,
};

use crate::{
    ground::{address, server, url_at},
    linearizability::run::Ends,
    remote::{
        RACES, SEEDS, clocks,
        contract::{keeps_the_contract, revocations_outlast_their_node},
        histories::{are_linearizable, schedules_keep_every_promise, with_deadlines_are_linearizable},
        network,
        race::{holds_on, holds_on_two_nodes, holds_with_ends_on},
        store,
    },
};

/// Else nothing here would prove anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_concurrent_compare_and_sets_none_is_lost() {
    let Some(server) = server() else { return };
    let documents = server.database().await.collection::<Document>("tried");
    documents.insert_one(doc! { "_id": "hot", "counter": { "revision": 0_i64 }, "holders": [] }).await.unwrap();
    let racer = async |racer: i64| {
        let mut won = Vec::new();
        while won.len() < 40 {
            let found = documents.find_one(doc! { "_id": "hot" }).await.unwrap().unwrap();
            let revision = found.get_document("counter").unwrap().get_i64("revision").unwrap();
            let as_found = doc! { "_id": "hot", "counter.revision": revision };
            let next = revision + 1;
            let update = doc! {
                "$set": { "counter": { "revision": next } },
                "$push": { "holders": { "$each": [{ "r": next, "p": racer }] } },
            };
            // Both ways to write on a condition, turn and turn about.
            let is_mine = if won.len() % 2 == 0 {
                documents.update_one(as_found, update).await.unwrap().matched_count == 1
            } else {
                let put = documents.find_one_and_update(as_found, update);
                put.return_document(ReturnDocument::After).await.unwrap().is_some()
            };
            won.extend(is_mine.then_some(next));
        }
        won
    };
    let mut won: Vec<_> = join_all((0..25).map(racer)).await.into_iter().flatten().collect();
    won.sort_unstable();
    assert_eq!(won, (1..=1000).collect::<Vec<_>>(), "each revision has one who made it");
    let left = documents.find_one(doc! { "_id": "hot" }).await.unwrap().unwrap();
    let holders = left.get_array("holders").unwrap();
    let revisions = holders.iter().map(|holder| holder.as_document().unwrap().get_i64("r").unwrap());
    assert_eq!(revisions.collect::<Vec<_>>(), won, "and each left its mark");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ferretdb_keeps_the_contract() {
    let Some(server) = server() else { return };
    keeps_the_contract(&store(&server.url()).await, RACES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_ferretdb_are_linearizable() {
    let Some(server) = server() else { return };
    are_linearizable(&store(&server.url()).await, SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_on_ferretdb_end_as_if_one_thing_happened_after_the_other() {
    let Some(server) = server() else { return };
    with_deadlines_are_linearizable(Ends::Apart, &store(&server.url()).await, SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_over_ferretdb_keep_every_promise() {
    let Some(server) = server() else { return };
    schedules_keep_every_promise(&store(&server.url()).await, SEEDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_is_kept_over_a_rough_network() {
    let Some(server) = server() else { return };
    network::the_promise_is_kept_over_a_rough_network(address(&server), url_at, 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_race_and_the_promise_holds() {
    let Some(server) = server() else { return };
    holds_on(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_race_for_holds_that_end_and_the_promise_holds() {
    let Some(server) = server() else { return };
    holds_with_ends_on(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_race_on_two_nodes_and_the_promise_holds_over_both() {
    let Some(server) = server() else { return };
    holds_on_two_nodes(&server.url()).await;
}

#[tokio::test]
async fn revocations_outlast_their_node_on_mongodb() {
    let Some(server) = server() else { return };
    revocations_outlast_their_node(&server.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_are_noticed() {
    let Some(server) = server() else { return };
    clocks::that_differ_are_noticed(&server.url(), Duration::ZERO).await;
}
