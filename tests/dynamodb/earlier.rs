//! Items as the version before deadlines wrote them.

use serde_json::json;

use crate::{
    conformance::ground::{player, room},
    engines::dynamodb::TABLE,
    ground::servers,
    remote::{earlier::plays_on, outbox::goes_on_with_events, store},
};

/// One holder is inside the item, and one has an item of its own.
#[tokio::test]
async fn items_of_the_version_before_are_played_on() {
    for server in servers().await {
        store(&server.url()).await;
        let sword = json!({
            "pk": { "S": "arena" }, "sk": { "S": "sword" }, "units": { "N": "4" }, "remaining": { "N": "2" },
            "held": { "N": "2" }, "revision": { "N": "2" }, "origin": { "N": "77" }, "creation": { "N": "0" },
            "created_units": { "N": "4" }, "changes": { "S": "aa:2" }, "holders": { "S": "ann/1/1700000000000" },
            "spilled": { "BOOL": true },
        });
        let bob = json!({
            "pk": { "S": "arena/sword/000000000000004d.0" }, "sk": { "S": "bob" }, "granted": { "N": "2" },
            "at": { "N": "1700000000000" },
        });
        for item in [sword, bob] {
            server.ask("PutItem", json!({ "TableName": TABLE, "Item": item })).await;
        }
        plays_on(&server.url(), room("arena"), 4, &[player("ann"), player("bob")]).await;
        goes_on_with_events(&server.url(), room("arena")).await;
    }
}
