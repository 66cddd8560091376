//! Rooms as a whole: a full store says so, a reset, and large rooms are shown whole.

use std::sync::Arc;

use asset_arbiter::{
    model::{NewAsset, PlayerName, ServerMessage},
    server::{Secret, Settings},
    store::{AssetKey, Call, MemoryStore, NodeId, Store},
};

use serde_json::json;

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
async fn a_reset_makes_every_asset_whole_and_leaves_the_members() {
    let server = Server::with_asset(2).await;
    server.call("PUT", "/v1/rooms/r/assets/bow", r#"{"units":1}"#).await;
    let mut ann = server.join("r", "ann").await;
    assert!(ann.gets("sword").await && ann.gets("bow").await);
    server.call("POST", "/v1/rooms/r/assets/sword/restock", r#"{"units":7}"#).await;
    let answer = server.call("POST", "/v1/rooms/r/reset", "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"room": "r", "reset": ["bow", "sword"]})));
    let mut told = Vec::new();
    while told.len() < 2 {
        let change = ann.hear_until(|message| match message {
            ServerMessage::AssetChanged { asset, units, remaining, revision, .. } if units == remaining => {
                Some((asset.to_string(), *units, *revision))
            }
            _ => None,
        });
        told.push(change.await);
    }
    told.sort_unstable();
    assert_eq!(told, [("bow".to_owned(), 1, 2), ("sword".to_owned(), 2, 3)]);
    assert!(ann.gets("sword").await, "ann is still there, and holds nothing");
    let shown = server.get("/v1/rooms/r").await.json();
    let held: Vec<_> = shown["assets"].as_array().unwrap().iter().map(|asset| &asset["held"]).collect();
    assert_eq!((&shown["players"], held), (&json!(1), vec![&json!(0), &json!(1)]));
    let unknown = server.call("POST", "/v1/rooms/nobody/reset", "").await;
    assert_eq!(unknown.error(), (404, "unknown_room".to_owned()));
}

#[tokio::test]
async fn a_reset_needs_the_admin_key() {
    let key = Secret::new("key").unwrap();
    let server = Server::with(Settings { admin_key: Some(key), ..Settings::default() }).await;
    let admin = "Authorization: Bearer key\r\n";
    server.call_with("PUT", "/v1/rooms/r/assets/sword", r#"{"units":1}"#, admin).await;
    assert_eq!(server.call("POST", "/v1/rooms/r/reset", "").await.error(), (401, "unauthorized".to_owned()));
    assert_eq!(server.call_with("POST", "/v1/rooms/r/reset", "", admin).await.status, 200);
}

#[tokio::test]
async fn a_large_room_is_shown_whole() {
    const ASSETS: usize = 500;
    let store = Arc::new(MemoryStore::new(None));
    let players: Vec<PlayerName> = (0..20).map(|n| format!("{n:0>50}").parse().unwrap()).collect();
    for n in 0..ASSETS {
        let call = Call { node: NodeId(1), seq: 1 + n as u64, at: 1, by: None };
        let key = AssetKey { room: "r".parse().unwrap(), asset: format!("asset-{n:04}").parse().unwrap() };
        store.select(call, &key, &players, Some(Arc::new(NewAsset::plain(20)))).await.unwrap();
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
