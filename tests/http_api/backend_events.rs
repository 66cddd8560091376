//! The changes that the store keeps as events, read and acknowledged over HTTP.

use std::{sync::Arc, time::Duration};

use asset_arbiter::{
    server::{Secret, Settings},
    store::{HistoryLimits, MemoryStore},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::server::Server;

async fn with_events() -> Server {
    Server::on(Arc::new(MemoryStore::new(None).with_events(Some(1000)))).await
}

async fn with_history() -> Server {
    let limits = HistoryLimits { age: Duration::from_secs(3600), events: 1000 };
    Server::on(Arc::new(MemoryStore::new(None).with_events(Some(1000)).with_history(Some(limits)))).await
}

async fn history(server: &Server, query: &str) -> Value {
    let answer = server.get(&format!("/v1/rooms/r/assets/sword/history{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn create(server: &Server, room: &str, units: u32) {
    let body = json!({ "units": units }).to_string();
    assert_eq!(server.call("PUT", &format!("/v1/rooms/{room}/assets/sword"), &body).await.status, 201);
}

async fn take(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/v1/events{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["events"].as_array().unwrap().clone()
}

async fn acknowledge(server: &Server, events: &[Value]) {
    let ids: Vec<_> = events.iter().map(|event| &event["id"]).collect();
    let answer = server.call("POST", "/v1/events/ack", &json!({ "ids": ids }).to_string()).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
}

#[tokio::test]
async fn a_grant_and_its_end_are_events_until_they_are_acknowledged() {
    let server = with_events().await;
    create(&server, "r", 2).await;
    for what in ["select", "release"] {
        let path = format!("/v1/rooms/r/assets/sword/{what}");
        assert_eq!(server.call("POST", &path, r#"{"player":"ann"}"#).await.status, 200);
    }
    let events = take(&server, "").await;
    let [created, granted, released] = &events[..] else { panic!("other events: {events:?}") };
    let (origin, at) = (&created["origin"], &granted["at"]);
    assert!(at.as_u64().unwrap() > 1_700_000_000_000 && origin.as_str().unwrap().len() == 16);
    let id = format!("r/sword/{}/1", origin.as_str().unwrap());
    let expected = json!({"id": id, "type": "granted", "room": "r", "asset": "sword", "origin": origin, "revision": 1,
        "player": "ann", "units": 2, "remaining": 1, "at": at});
    assert_eq!(*granted, expected);
    assert_eq!((&created["type"], &created["revision"]), (&json!("created"), &json!(0)));
    assert_eq!((&released["type"], &released["reason"]), (&json!("released"), &json!("released")));
    assert!(take(&server, "").await.is_empty(), "they are in hand");
    acknowledge(&server, &events).await;
    acknowledge(&server, &events).await;
    assert!(take(&server, "?wait=200ms").await.is_empty());
}

#[tokio::test]
async fn a_reader_who_waits_hears_at_once() {
    let server = with_events().await;
    create(&server, "r", 1).await;
    acknowledge(&server, &take(&server, "").await).await;
    let since = Instant::now();
    let selecting = async {
        sleep(Duration::from_millis(100)).await;
        server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ann"}"#).await
    };
    let (events, _) = tokio::join!(take(&server, "?wait=30s"), selecting);
    assert_eq!(events[0]["type"], "granted");
    assert!(since.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn every_room_has_its_turn_and_readers_share_the_work() {
    let server = with_events().await;
    let rooms = ["a", "b", "c", "d"];
    for room in rooms {
        create(&server, room, 1).await;
        server.call("POST", &format!("/v1/rooms/{room}/assets/sword/select"), r#"{"player":"ann"}"#).await;
    }
    let (mut seen, mut turns) = (Vec::new(), 0);
    while seen.len() < 2 * rooms.len() {
        let (first, second) = tokio::join!(take(&server, "?limit=1"), take(&server, "?limit=1"));
        for event in first.iter().chain(&second) {
            seen.push((event["room"].as_str().unwrap().to_owned(), event["revision"].as_u64().unwrap()));
        }
        acknowledge(&server, &[first, second].concat()).await;
        turns += 1;
        assert!(turns < 50, "only {seen:?}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), seen.len(), "each once");
    for room in rooms {
        let of_room: Vec<_> =
            seen.iter().filter(|(name, _)| name == room).map(|(_, revision)| *revision).collect();
        assert_eq!(of_room, [0, 1]);
    }
}

#[tokio::test]
async fn a_removed_room_is_told_asset_by_asset() {
    let server = with_events().await;
    create(&server, "r", 1).await;
    assert_eq!(server.call("DELETE", "/v1/rooms/r", "").await.status, 200);
    let kinds: Vec<_> = take(&server, "").await.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["created", "removed"]);
}

#[tokio::test]
async fn a_wrong_request_says_what_would_be_right() {
    let server = with_events().await;
    for (query, said) in [
        ("?limit=0", "1 to 1000"),
        ("?limit=1001", "1 to 1000"),
        ("?limit=all", "1 to 1000"),
        ("?wait=2m", "such as 30s"),
        ("?wait=30", "such as 30s"),
        ("?after=1", "limit, wait"),
    ] {
        let answer = server.get(&format!("/v1/events{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(said), "{query}: {}", answer.body);
    }
    let many = json!({ "ids": vec!["r/sword/00000000000000ab/1"; 1001] }).to_string();
    for body in ["", "{}", r#"{"ids":"r/sword"}"#, r#"{"ids":["r/sword"]}"#, r#"{"ids":[1]}"#, &many] {
        assert_eq!(server.call("POST", "/v1/events/ack", body).await.status, 400, "{body:.40}");
    }
}

#[tokio::test]
async fn only_the_backend_reads_events() {
    let store = Arc::new(MemoryStore::new(None).with_events(Some(1000)));
    let settings =
        Settings { admin_key: Some(Secret::new("key-of-the-admin").unwrap()), ..Settings::default() };
    let server = Server::set_up(|setup| {
        setup.inner = Some(store);
        setup.settings = settings;
    })
    .await;
    let (events, ack) = ("/v1/events", "/v1/events/ack");
    assert_eq!(server.get(events).await.status, 401);
    assert_eq!(server.call("POST", ack, r#"{"ids":[]}"#).await.status, 401);
    let key = "Authorization: Bearer key-of-the-admin\r\n";
    assert_eq!(server.call_with("GET", events, "", key).await.status, 200);
    assert_eq!(server.call_with("POST", ack, r#"{"ids":[]}"#, key).await.status, 204);
}

/// Reading takes events in hand, so a page of somebody else must not, not even blindly.
#[tokio::test]
async fn a_foreign_page_reads_no_events() {
    let server = with_events().await;
    for header in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(server.call_with("GET", "/v1/events", "", header).await.status, 403, "{header}");
    }
}

#[tokio::test]
async fn without_events_the_error_names_the_flag() {
    let server = Server::with_asset(1).await;
    for answer in
        [server.get("/v1/events?wait=30s").await, server.call("POST", "/v1/events/ack", r#"{"ids":[]}"#).await]
    {
        assert_eq!(answer.error(), (409, "conflict".to_owned()));
        assert!(answer.body.contains("--events on"));
    }
}

#[tokio::test]
async fn a_reader_who_waits_does_not_hold_up_the_end() {
    let server = with_events().await;
    let mut reader = server.connect().await;
    let head = format!("GET /v1/events?wait=60s HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    tokio::io::AsyncWriteExt::write_all(&mut reader, head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let since = Instant::now();
    server.stop().await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(3));
    let answer = crate::server::Answer::read(&mut reader).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"events":[]}"#));
}

#[tokio::test]
async fn an_operator_sees_what_happened_to_an_asset_also_after_it_was_acknowledged() {
    let server = with_history().await;
    create(&server, "r", 2).await;
    assert_eq!(server.call("POST", "/v1/rooms/r/assets/sword/select", r#"{"player":"ann"}"#).await.status, 200);
    let events = take(&server, "").await;
    assert_eq!(history(&server, "").await, json!({ "events": events, "next": null }));
    acknowledge(&server, &events[..1]).await;
    assert_eq!(history(&server, "").await["events"], json!(events), "one waits, one is acknowledged");
    acknowledge(&server, &events).await;
    assert_eq!(server.call("DELETE", "/v1/rooms/r", "").await.status, 200);
    let all = history(&server, "").await;
    let types: Vec<_> = all["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["created", "granted", "removed"], "it outlives the room");
    let (mut read, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = history(&server, &query).await;
        read.extend(page["events"].as_array().unwrap().clone());
        assert!(read.len() <= 3);
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&after={next}");
    }
    assert_eq!(json!(read), all["events"]);
    let elsewhere = server.get("/v1/rooms/r/assets/axe/history").await;
    assert_eq!((elsewhere.status, elsewhere.json()), (200, json!({ "events": [], "next": null })));
}

#[tokio::test]
async fn a_history_is_shown_to_operators_only() {
    let limits = HistoryLimits { age: Duration::from_secs(3600), events: 1000 };
    let store = Arc::new(MemoryStore::new(None).with_events(Some(1000)).with_history(Some(limits)));
    let [admin, viewer] = ["key-of-the-admin", "key-of-the-viewer"].map(|key| Secret::new(key).unwrap());
    let settings = Settings { admin_key: Some(admin), viewer_key: Some(viewer), ..Settings::default() };
    let server = Server::set_up(|setup| {
        setup.inner = Some(store);
        setup.settings = settings;
    })
    .await;
    let path = "/v1/rooms/r/assets/sword/history";
    assert_eq!(server.get(path).await.status, 401);
    for key in ["key-of-the-admin", "key-of-the-viewer"] {
        let key = format!("Authorization: Bearer {key}\r\n");
        assert_eq!(server.call_with("GET", path, "", &key).await.status, 200);
    }
}

#[tokio::test]
async fn a_history_needs_a_store_that_keeps_it_and_a_place_that_was_shown() {
    for (server, hint) in [(Server::with_asset(1).await, "--events on"), (with_events().await, "--history 24h")]
    {
        let answer = server.get("/v1/rooms/r/assets/sword/history").await;
        assert_eq!(answer.error(), (409, "conflict".to_owned()));
        assert!(answer.body.contains(hint), "{}", answer.body);
    }
    let server = with_history().await;
    for query in [
        "after=",
        "after=7",
        "after=00000000000000AB/7",
        "after=00000000000000ab/07",
        "limit=0",
        "limit=1001",
        "at=1",
    ] {
        let answer = server.get(&format!("/v1/rooms/r/assets/sword/history?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn events_say_which_changes_an_operator_made() {
    let store = Arc::new(MemoryStore::new(None).with_events(Some(1000)));
    let settings =
        Settings { admin_key: Some(Secret::new("key-of-the-admin").unwrap()), ..Settings::default() };
    let server = Server::set_up(|setup| {
        setup.inner = Some(store);
        setup.settings = settings;
    })
    .await;
    let key = "Authorization: Bearer key-of-the-admin\r\n";
    let asset = "/v1/rooms/r/assets/sword";
    let (ann, bob) = (r#"{"player":"ann"}"#, r#"{"player":"bob"}"#);
    for (method, path, body) in [
        ("PUT", asset.to_owned(), r#"{"units":2}"#),
        ("POST", format!("{asset}/select"), ann),
        ("POST", format!("{asset}/release"), ann),
        ("POST", format!("{asset}/select"), bob),
        ("POST", format!("{asset}/restock"), r#"{"units":1}"#),
        ("DELETE", "/v1/rooms/r/players/bob?release=true".to_owned(), ""),
        ("POST", "/v1/rooms/r/reset".to_owned(), ""),
        ("DELETE", "/v1/rooms/r".to_owned(), ""),
    ] {
        let status = server.call_with(method, &path, body, key).await.status;
        assert!(matches!(status, 200 | 201), "{method} {path}: {status}");
    }
    let answer = server.call_with("GET", "/v1/events", "", key).await.json();
    let told = |answer: &Value| {
        let events = answer["events"].as_array().unwrap().iter();
        events
            .map(|event| format!("{} {}", event["type"], event["by"]))
            .collect::<Vec<_>>()
            .join(", ")
            .replace('"', "")
    };
    let types = ["created", "granted", "released", "granted", "restocked", "released", "reset", "removed"];
    assert_eq!(told(&answer), types.map(|kind| format!("{kind} admin")).join(", "));

    // Without keys everybody may create, and who plays over HTTP is a player.
    let server = with_events().await;
    create(&server, "r", 2).await;
    for (what, body) in [("select", ann), ("release", ann), ("restock", r#"{"units":1}"#)] {
        assert_eq!(server.call("POST", &format!("{asset}/{what}"), body).await.status, 200);
    }
    let answer = server.get("/v1/events").await.json();
    assert_eq!(told(&answer), "created anyone, granted null, released null, restocked anyone");
}
