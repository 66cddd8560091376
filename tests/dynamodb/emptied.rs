//! A table that loses everything while members are connected.

use serde_json::json;

use crate::{
    engines::dynamodb::TABLE,
    ground::servers,
    remote::{
        emptied::{Made, is_noticed_and_nothing_is_given_away_twice},
        store,
    },
};

#[tokio::test]
async fn what_was_given_away_is_not_made_again_when_its_items_are_deleted() {
    for server in servers().await {
        let delete = async || {
            for item in server.items().await {
                let key = json!({ "pk": item["pk"], "sk": item["sk"] });
                server.ask("DeleteItem", json!({ "TableName": TABLE, "Key": key })).await;
            }
        };
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, delete).await;
    }
}

#[tokio::test]
async fn what_was_given_away_is_not_made_again_in_a_table_that_was_made_anew() {
    for server in servers().await {
        let make_anew = async || {
            server.ask("DeleteTable", json!({ "TableName": TABLE })).await;
            // Whoever opens a store makes the table.
            drop(store(&server.url()).await);
        };
        is_noticed_and_nothing_is_given_away_twice(&server.url(), Made::BySelect, make_anew).await;
    }
}
