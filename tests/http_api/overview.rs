//! What operators see of a node: its rooms, the players in them, and what a player holds.

use std::{collections::BTreeSet, time::Instant};

use asset_arbiter::{
    model::{AssetOptions, NewAsset},
    server::{Secret, Settings},
};
use serde_json::{Value, json};

use crate::{
    server::{Answer, Server},
    support::tokens::{bearer, settings, token},
};

fn names<'a>(body: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    body[list].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

/// Every page of a list that is bounded by `limit`, in one.
async fn all_pages(server: &Server, path: &str, list: &str) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{path}{after}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        all.extend(page.json()[list].as_array().unwrap().iter().cloned());
        match page.json()["next_after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn rooms_are_listed_by_name_with_their_figures() {
    let server = Server::start().await;
    for (room, assets) in [("b:1", 2), ("a", 1), ("b:2", 1)] {
        for asset in 0..assets {
            server.create(room, &format!("asset-{asset}"), 1).await;
        }
    }
    let mut ann = server.join("b:1", "ann").await;
    let _observer = server.observe("b:1").await;
    for _ in 0..10 {
        ann.selects("asset-0").await;
    }
    let all = server.get("/v1/rooms").await.json();
    assert_eq!(names(&all, "rooms", "room"), ["a", "b:1", "b:2"]);
    assert_eq!((&all["total"], &all["next_after"]), (&json!(3), &Value::Null));
    assert_eq!(all["node"], server.get("/v1/node").await.json()["node"]);
    let room = &all["rooms"][1];
    assert_eq!((&room["members"], &room["players"], &room["assets"]), (&json!(2), &json!(1), &json!(2)));
    let rate = room["selects_per_second"].as_f64().unwrap();
    assert!(rate > 0.5 && rate <= 2.0, "10 selects within 5 s are {rate} per second");
    let some = server.get("/v1/rooms?prefix=b:&limit=1").await.json();
    assert_eq!(
        (names(&some, "rooms", "room"), &some["total"], &some["next_after"]),
        (vec!["b:1"], &json!(2), &json!("b:1"))
    );
    let rest = server.get("/v1/rooms?prefix=b:&limit=1&after=b:1").await.json();
    assert_eq!((names(&rest, "rooms", "room"), &rest["next_after"]), (vec!["b:2"], &Value::Null));
}

#[tokio::test]
async fn rooms_are_listed_by_players_or_selects_too() {
    let server = Server::start().await;
    let mut players = Vec::new();
    for (room, count) in [("small", 1), ("large", 3), ("twin", 1)] {
        server.create(room, "sword", 1).await;
        for n in 0..count {
            players.push(server.join(room, &format!("p{n}")).await);
        }
    }
    for _ in 0..5 {
        players[0].selects("sword").await;
    }
    let by_players = all_pages(&server, "/v1/rooms?order=players&limit=1", "rooms").await;
    let listed: Vec<_> = by_players.iter().map(|room| room["room"].as_str().unwrap()).collect();
    assert_eq!(listed, ["large", "small", "twin"], "the name decides among equals");
    let by_selects = server.get("/v1/rooms?order=selects&limit=1").await.json();
    assert_eq!(names(&by_selects, "rooms", "room"), ["small"]);
}

#[tokio::test]
async fn a_query_that_is_wrong_is_refused_with_what_is_right() {
    let server = Server::start().await;
    for (query, right) in [
        ("rooms?order=age", "name, players or selects"),
        ("rooms?limit=0", "1 to 1000"),
        ("rooms?limit=1001", "1 to 1000"),
        ("rooms?after=12:arena:", ""),
        ("rooms?order=players&after=arena", "such as 12:arena"),
        ("rooms?order=players&after=x:arena", "such as 12:arena"),
        ("rooms?order=selects&after=1:a%20b", "A-Za-z0-9"),
        ("rooms?prefix=a%20b", "A-Za-z0-9"),
        ("rooms?sort=name", "prefix, order, after, limit"),
        ("rooms/r/players?after=a%20b", "A-Za-z0-9"),
        ("players/ann?limit=x", "whole number"),
        ("players/a%20b", "A-Za-z0-9"),
    ] {
        let answer = server.get(&format!("/v1/{query}")).await;
        if right.is_empty() {
            assert_eq!(answer.status, 200, "a room may be called so");
            continue;
        }
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.message().contains(right), "{query}: {}", answer.message());
    }
}

#[tokio::test]
async fn a_player_is_found_with_connections_and_holdings() {
    let server = Server::start().await;
    let seat =
        NewAsset { units: 2, options: AssetOptions { hold_ms: Some(60_000), ..AssetOptions::default() } };
    server.arbiter.create(&"hall".parse().unwrap(), &"seat".parse().unwrap(), seat).await.unwrap();
    server.create("arena", "sword", 1).await;
    // More holders than a view lists.
    server.create("crowd", "badge", 100).await;
    for n in 0..50 {
        let body = format!(r#"{{"player":"p{n}"}}"#);
        server.call("POST", "/v1/rooms/crowd/assets/badge/select", &body).await;
    }
    for path in ["arena/assets/sword", "hall/assets/seat", "crowd/assets/badge"] {
        let won = server.call("POST", &format!("/v1/rooms/{path}/select"), r#"{"player":"ann"}"#).await;
        assert_eq!(won.status, 200);
    }
    let _ann = server.join("lobby", "ann").await;
    let found = all_pages(&server, "/v1/players/ann?limit=1", "rooms").await;
    let rooms: Vec<_> = found.iter().map(|room| room["room"].as_str().unwrap()).collect();
    assert_eq!(rooms, ["arena", "crowd", "hall", "lobby"]);
    let connections: Vec<_> = found.iter().map(|room| room["connections"].as_u64().unwrap()).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
    assert_eq!((&found[0]["held"][0]["asset"], &found[0]["held"][0]["revision"]), (&json!("sword"), &json!(1)));
    assert!(found[0]["held"][0]["at"].is_u64() && found[0]["held"][0]["until"].is_null());
    assert_eq!(
        (&found[1]["held"][0]["asset"], &found[1]["held"][0]["revision"]),
        (&json!("badge"), &json!(51))
    );
    let seat = &found[2]["held"][0];
    assert_eq!(seat["until"].as_u64().unwrap() - seat["at"].as_u64().unwrap(), 60_000);
    assert!(seat["ttl_ms"].as_u64().unwrap() <= 60_000);
    assert_eq!(found[3]["held"], json!([]));
    let all = server.get("/v1/players/ann").await.json();
    assert_eq!(
        (&all["player"], &all["searched"], &all["next_after"]),
        (&json!("ann"), &json!(4), &Value::Null)
    );
    assert_eq!(server.get("/v1/players/nobody").await.json()["rooms"], json!([]));
}

#[tokio::test]
async fn a_large_rooms_players_come_in_pages() {
    let server = Server::configured(|config| config.presence_limit = 2).await;
    server.create("r", "sword", 1).await;
    let mut players = Vec::new();
    for name in ["bob", "ann", "dan", "cat"] {
        players.push(server.join("r", name).await);
    }
    assert_eq!(server.get("/v1/rooms/r").await.json()["present"], json!([]), "its frames name nobody");
    let listed = all_pages(&server, "/v1/rooms/r/players?limit=3", "players").await;
    let names: Vec<_> = listed.iter().map(|player| player["player"].as_str().unwrap()).collect();
    assert_eq!(names, ["ann", "bob", "cat", "dan"]);
    assert!(listed.iter().all(|player| player["connections"] == 1));
    assert_eq!(server.get("/v1/rooms/elsewhere/players").await.json()["players"], json!([]));
}

const PATHS: [&str; 4] = ["/v1/node", "/v1/rooms", "/v1/rooms/r/players", "/v1/players/ann"];

#[tokio::test]
async fn only_operators_look_where_there_are_keys_or_tokens() {
    let key = |text: &str| Some(Secret::new(text).unwrap());
    let all = Settings {
        admin_key: key("operator"),
        viewer_key: key("viewer/+="),
        tokens: settings(),
        ..Settings::default()
    };
    let server = Server::with(all).await;
    for path in PATHS {
        let with = async |key: &str| server.call_with("GET", path, "", &bearer(key)).await;
        assert_eq!((with("operator").await.status, with("viewer/+=").await.status), (200, 200), "{path}");
        assert_eq!(with("wrong").await.error(), (401, "unauthorized".to_owned()), "{path}");
        assert_eq!(with(&token("ann")).await.error(), (403, "forbidden".to_owned()), "{path}");
        let none = server.get(path).await;
        assert_eq!(none.error(), (401, "unauthorized".to_owned()), "{path}");
        assert!(none.message().contains("the admin key or the viewer key"), "{}", none.message());
    }
    let role =
        async |key: &str| server.call_with("GET", "/v1/node", "", &bearer(key)).await.json()["role"].clone();
    assert_eq!((role("operator").await, role("viewer/+=").await), (json!("admin"), json!("viewer")));
    let without_keys = Server::with(Settings { tokens: settings(), ..Settings::default() }).await;
    let told = without_keys.get("/v1/rooms").await;
    assert_eq!(told.status, 401);
    assert!(told.message().contains("--viewer-key-file"), "{}", told.message());
    let viewer_only = Server::with(Settings { viewer_key: key("viewer"), ..Settings::default() }).await;
    assert_eq!(viewer_only.get("/v1/rooms").await.status, 401);
}

#[tokio::test]
async fn where_there_are_no_keys_everybody_looks() {
    let server = Server::start().await;
    for path in PATHS {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    let node = server.get("/v1/node").await.json();
    assert_eq!((&node["role"], &node["verifies_tokens"]), (&json!("admin"), &json!(false)));
    assert_eq!(node["node"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn ten_thousand_rooms_are_listed_once_each_in_bounded_pages() {
    const ROOMS: usize = 10_000;
    let server = Server::start().await;
    for n in 0..ROOMS {
        server.create(&format!("room-{n}"), "sword", 1).await;
    }
    let began = Instant::now();
    let largest: Answer = server.get("/v1/rooms").await;
    assert_eq!(largest.json()["rooms"].as_array().unwrap().len(), 1000);
    assert!(largest.body.len() < 200_000, "{} bytes", largest.body.len());
    let found = all_pages(&server, "/v1/rooms?limit=1000", "rooms").await;
    let distinct: BTreeSet<_> = found.iter().map(|room| room["room"].as_str().unwrap()).collect();
    assert_eq!((found.len(), distinct.len()), (ROOMS, ROOMS));
    let by_players = server.get("/v1/rooms?order=players&limit=50").await.json();
    assert_eq!((by_players["rooms"].as_array().unwrap().len(), &by_players["total"]), (50, &json!(ROOMS)));
    let searched = server.get("/v1/players/ann").await.json();
    assert_eq!((&searched["searched"], searched["next_after"].is_string()), (&json!(1000), true));
    println!("13 requests over {ROOMS} rooms took {:?}", began.elapsed());
}
