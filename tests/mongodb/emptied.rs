//! A database that loses everything while members are connected.

use mongodb::bson::doc;

use crate::{
    ground::{documents, server},
    remote::emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_away_is_not_made_again_when_its_documents_are_deleted() {
    let Some(server) = server() else { return };
    let delete = async || {
        documents(&server).await.delete_many(doc! {}).await.unwrap();
    };
    is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, delete).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_away_is_not_made_again_when_its_collection_is_dropped() {
    let Some(server) = server() else { return };
    let drop_all = async || documents(&server).await.drop().await.unwrap();
    is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, drop_all).await;
}
