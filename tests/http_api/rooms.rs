//! A full store says so, and large rooms are shown whole.

use std::sync::Arc;

use asset_arbiter::{
    model::PlayerName,
    store::{AssetKey, Call, MemoryStore, NodeId, Store},
};

use crate::server::Server;

#[tokio::test]
async fn a_store_that_is_full_says_which_flag_to_raise() {
    let store = Arc::new(MemoryStore::new(None).with_max_assets(Some(3)));
    let server = Server::on(store).await;
    let create = async |room: &str, asset: &str| {
        server.call("PUT", &format!("/v1/rooms/{room}/assets/{asset}"), r#"{"units":1}"#).await
    };
    for (room, asset) in [("a", "x"), ("a", "y"), ("b", "x")] {
        assert_eq!(create(room, asset).await.status, 201);
    }
    let refused = create("c", "x").await;
    assert_eq!(refused.error().1, "limit_reached");
    assert!(refused.message().contains("--max-stored-assets"), "{}", refused.body);
    assert_eq!(create("a", "x").await.status, 200, "what is there is there");
    assert_eq!(server.call("DELETE", "/v1/rooms/a/assets/y", "").await.status, 200);
    assert_eq!(create("c", "x").await.error().1, "limit_reached", "what is removed is still known");
    assert_eq!(server.call("DELETE", "/v1/rooms/a", "").await.status, 200);
    assert_eq!(create("c", "x").await.status, 201);
}

#[tokio::test]
async fn a_large_room_is_shown_whole() {
    const ASSETS: usize = 500;
    let store = Arc::new(MemoryStore::new(None));
    let players: Vec<PlayerName> = (0..20).map(|n| format!("{n:0>50}").parse().unwrap()).collect();
    for n in 0..ASSETS {
        let call = Call { node: NodeId(1), seq: 1 + n as u64, at: 1 };
        let key = AssetKey { room: "r".parse().unwrap(), asset: format!("asset-{n:04}").parse().unwrap() };
        store.select(call, &key, &players, Some(20)).await.unwrap();
    }
    let server = Server::on(store.clone()).await;
    // Chunked, as it is made while it is sent.
    let answer = server.get("/v1/rooms/r").await;
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let mut json = String::new();
    let mut rest = answer.body.as_str();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        json.push_str(&more[..size]);
        rest = more[size..].trim_start_matches("\r\n");
    }
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&shown["room"], &shown["players"], &shown["present"]),
        (&"r".into(), &0.into(), &serde_json::json!([]))
    );
    let stored = store.snapshot(&"r".parse().unwrap()).await.unwrap();
    assert_eq!(shown["assets"], serde_json::to_value(&stored).unwrap());
}
