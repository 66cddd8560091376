//! Event streams: the frames of a room over plain HTTP.

use std::time::Duration;

use asset_arbiter::{
    model::{NewAsset, ServerMessage},
    server::{Secret, Settings},
};
use serde_json::json;

use crate::{
    server::Server,
    support::{
        Client, Event, EventStream, Process, RoomView, eventually, soon,
        tokens::{bearer, now, settings, token, token_with},
    },
};

const SELECT: &str = "/v1/rooms/r/assets/sword/select";
const RELEASE: &str = "/v1/rooms/r/assets/sword/release";

async fn listen(server: &Server, query: &str) -> EventStream {
    EventStream::open(server.address, &format!("r/events{query}")).await
}

/// The status of a request for a stream that is refused, and the answer's text.
async fn refused(server: &Server, query: &str, headers: &str) -> (u16, String) {
    let answer = server.call_with("GET", &format!("/v1/rooms/r/events{query}"), "", headers).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_stream_has_the_frames_of_a_web_socket_and_its_player_is_present() {
    let server = Server::with_asset(1).await;
    let mut witness = server.observe("r").await;
    let mut ann = listen(&server, "?player=ann&name=Ann").await;
    let expected = ["cache-control: no-store", "x-accel-buffering: no", "x-content-type-options: nosniff"];
    assert!(expected.iter().all(|line| ann.head.contains(&format!("\r\n{line}\r\n"))), "{}", ann.head);
    let (welcome, id) = ann.welcome().await;
    assert_eq!(welcome.player.as_ref().unwrap().as_str(), "ann");
    assert_eq!((welcome.players, welcome.ping_interval_ms), (1, 15_000));
    assert_eq!(id, Some(format!("{}.{}", welcome.epoch, welcome.offset)));
    assert!((1000..3000).contains(&ann.retry.unwrap()), "{:?}", ann.retry);
    let joined = witness.text().await;
    assert!(joined.contains("player_joined") && joined.contains("Ann"), "{joined}");

    assert_eq!(server.call("POST", SELECT, r#"{"player":"ann"}"#).await.status, 200);
    assert_eq!(server.call("POST", RELEASE, r#"{"player":"ann"}"#).await.status, 200);
    for offset in 1..=2 {
        let heard = witness.text().await;
        let id = Some(format!("{}.{}", welcome.epoch, welcome.offset + offset));
        assert_eq!(ann.next().await, Some(Event { id, name: None, data: heard }), "to the byte");
    }
    drop(ann);
    assert!(witness.text().await.contains("player_left"));
    server.has_closed("client", 1).await;
}

#[tokio::test]
async fn streams_and_web_sockets_are_counted_apart() {
    let server = Server::with_asset(1).await;
    let mut listener = listen(&server, "").await;
    let _player = server.join("r", "bob").await;
    listener.welcome().await;
    assert_eq!(server.metric("asset_arbiter_event_streams").await, 1);
    assert_eq!(server.metric("asset_arbiter_connections").await, 1);
    drop(listener);
    eventually(0, || server.metric("asset_arbiter_event_streams")).await;
}

#[tokio::test]
async fn a_stream_resumes_after_its_last_event() {
    let server = Server::with_asset(100).await;
    let mut witness = server.observe("r").await;
    let mut first = listen(&server, "").await;
    let (welcome, id) = first.welcome().await;
    drop(first);
    let mut missed = Vec::new();
    for player in 0..5 {
        server.call("POST", SELECT, &format!(r#"{{"player":"p{player}"}}"#)).await;
        missed.push(witness.text().await);
    }
    let by_query = format!("r/events?epoch={}&offset={}", welcome.epoch, welcome.offset);
    for mut back in [
        EventStream::resume(server.address, "r/events", &id.unwrap()).await,
        EventStream::open(server.address, &by_query).await,
        // What the header says is newer than what the page was made with.
        EventStream::resume(
            server.address,
            &by_query.replace("offset=", "offset=9"),
            &format!("{}.0", welcome.epoch),
        )
        .await,
    ] {
        let (again, _) = back.welcome().await;
        assert!(again.recovered && again.assets.is_none(), "{again:?}");
        let mut heard = Vec::new();
        while heard.len() < missed.len() {
            heard.extend(
                back.next().await.map(|event| event.data).filter(|data| data.contains("asset_granted")),
            );
        }
        assert_eq!(heard, missed);
    }
    let (whole, _) = EventStream::resume(server.address, "r/events", "another.3").await.welcome().await;
    assert!(!whole.recovered && whole.assets.is_some_and(|assets| !assets.is_empty()));
}

#[tokio::test]
async fn within_a_state_in_parts_a_client_cannot_resume() {
    let server = Server::start().await;
    for n in 0..1500 {
        let name = format!("asset-{n:0>56}").parse().unwrap();
        server.arbiter.create(&"r".parse().unwrap(), &name, NewAsset::plain(1)).await.unwrap();
    }
    let mut listener = listen(&server, "").await;
    let (welcome, id) = listener.welcome().await;
    assert_eq!((welcome.assets.map(|assets| assets.len()), id), (Some(0), None), "the state follows");
    let mut assets = 0;
    loop {
        let (ServerMessage::Snapshot { assets: some, part, parts, offset, .. }, id) = listener.frame().await
        else {
            panic!("a snapshot")
        };
        assets += some.len();
        assert!(parts > 1);
        if part == parts {
            assert_eq!(id, Some(format!("{}.{offset}", welcome.epoch)));
            break;
        }
        assert_eq!(id, None, "part {part} of {parts}");
    }
    assert_eq!(assets, 1500);
}

#[tokio::test]
async fn who_is_sent_away_for_good_is_told_so_again() {
    let server = Server::with_asset(1).await;
    let mut ann = listen(&server, "?player=ann").await;
    let mut other = listen(&server, "").await;
    ann.welcome().await;
    other.welcome().await;
    assert_eq!(server.call("DELETE", "/v1/rooms/r/players/ann", "").await.status, 200);
    let (reason, id) = ann.closed().await;
    assert_eq!((reason.code, id.as_deref()), (4005, Some("4005")));
    server.has_closed("4005", 1).await;
    let again = refused(&server, "?player=ann", "Last-Event-ID: 4005\r\n").await;
    assert_eq!(again, (204, String::new()), "an EventSource stops there");

    assert_eq!(server.call("DELETE", "/v1/rooms/r", "").await.status, 200);
    assert_eq!(other.closed().await.1.as_deref(), Some("4004"));
}

#[tokio::test]
async fn one_connection_of_a_player_goes_as_the_rule_says() {
    use asset_arbiter::arbiter::SamePlayer;
    let server = Server::configured(|config| config.same_player = SamePlayer::Replace).await;
    server.create("r", "sword", 1).await;
    let mut older = listen(&server, "?player=ann").await;
    older.welcome().await;
    let mut newer = listen(&server, "?player=ann").await;
    newer.welcome().await;
    assert_eq!(older.closed().await.0.code, 4006);

    let server = Server::configured(|config| config.same_player = SamePlayer::Refuse).await;
    server.create("r", "sword", 1).await;
    let mut older = listen(&server, "?player=ann").await;
    older.welcome().await;
    assert_eq!(refused(&server, "?player=ann", "").await.0, 409);
}

#[tokio::test]
async fn a_node_that_stops_says_when_to_come_back() {
    let server = Server::with_asset(1).await;
    let mut listeners = Vec::new();
    for _ in 0..20 {
        let mut listener = listen(&server, "").await;
        listener.welcome().await;
        listeners.push(listener);
    }
    let ended = server.stop();
    let mut times = std::collections::BTreeSet::new();
    for listener in &mut listeners {
        let (reason, id) = listener.closed().await;
        assert_eq!((reason.code, id), (4100, None), "the place in the room stays the client's");
        assert_eq!(listener.retry, Some(reason.retry_after_ms));
        times.insert(reason.retry_after_ms);
    }
    assert!(times.len() > 10, "not all at once: {times:?}");
    drop(listeners);
    soon("the drain", ended).await.unwrap();
}

#[tokio::test]
async fn what_will_pass_is_told_in_a_stream_that_ends() {
    let server = Server::configured(|config| config.max_members = 1).await;
    server.create("r", "sword", 1).await;
    let mut first = listen(&server, "").await;
    first.welcome().await;
    let mut second = listen(&server, "").await;
    let (reason, id) = second.closed().await;
    assert_eq!((reason.code, id), (4113, None));
    assert!(reason.message.unwrap().contains("--max-members"));
    assert_eq!(second.retry, Some(reason.retry_after_ms));

    let server = Server::with(Settings { max_connections: 1, ..Settings::default() }).await;
    server.create("r", "sword", 1).await;
    let mut first = listen(&server, "").await;
    first.welcome().await;
    let mut beyond = listen(&server, "").await;
    assert!(beyond.head.contains("\r\nconnection: close\r\n"), "{}", beyond.head);
    assert_eq!(beyond.closed().await.0.code, 4113);
}

#[tokio::test]
async fn what_will_not_pass_is_an_http_error() {
    let server = Server::with_asset(1).await;
    for (query, headers) in [
        ("?player=..", ""),
        ("?name=Ann", ""),
        ("?player=ann&player=bob", ""),
        ("?later=1", ""),
        ("", "Last-Event-ID: abc\r\n"),
        ("", "Last-Event-ID: abc.x\r\n"),
    ] {
        assert_eq!(refused(&server, query, headers).await.0, 400, "{query} {headers}");
    }
    let (status, text) = refused(&server, "", "Last-Event-ID: abc\r\n").await;
    assert!(status == 400 && text.contains("EPOCH.OFFSET"), "{text}");
    assert_eq!(refused(&server, "", "Origin: https://other.example\r\n").await.0, 403);
    assert_eq!(server.metric("asset_arbiter_event_streams").await, 0);
}

#[tokio::test]
async fn a_head_request_joins_nothing() {
    let server = Server::with_asset(1).await;
    let mut witness = server.observe("r").await;
    let answer = server.call("HEAD", "/v1/rooms/r/events?player=ann", "").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(server.call("POST", SELECT, r#"{"player":"bob"}"#).await.status, 200);
    assert!(witness.text().await.contains("asset_granted"), "nobody joined before");
}

#[tokio::test]
async fn tokens_count_as_over_a_web_socket() {
    let server = Server::with(Settings {
        tokens: settings(),
        tokens_in_urls: true,
        admin_key: Some(Secret::new("operator").unwrap()),
        ..Settings::default()
    })
    .await;
    server.create("r", "sword", 1).await;
    let expired = token_with("ann", json!({"iat": now() - 600, "exp": now() - 61}));
    let elsewhere = token_with("ann", json!({"arbiter": {"rooms": ["q"]}}));
    for (credential, status) in
        [("", 401), ("nonsense", 401), (expired.as_str(), 401), (elsewhere.as_str(), 403)]
    {
        let (found, text) = refused(&server, "", &bearer(credential)).await;
        assert_eq!(found, status, "{text}");
        assert!(credential.is_empty() || !text.contains(credential), "{text}");
    }
    assert_eq!(refused(&server, "?player=bob", &bearer(&token("ann"))).await.0, 403);

    let mut ann = EventStream::open_with(server.address, "r/events", &bearer(&token("ann"))).await;
    let (welcome, _) = ann.welcome().await;
    assert_eq!(welcome.player.unwrap().as_str(), "ann");
    assert!(welcome.token_ttl_ms.unwrap() > 590_000);
    let mut bob = listen(&server, &format!("?token={}", token("bob"))).await;
    assert_eq!(bob.welcome().await.0.player.unwrap().as_str(), "bob");

    let revoked = server.call_with("POST", "/v1/revocations", r#"{"player":"ann"}"#, &bearer("operator")).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let (reason, id) = ann.closed().await;
    assert_eq!((reason.code, id.as_deref()), (4003, Some("4003")));
    assert!(reason.message.unwrap().contains("revoked"));
}

#[tokio::test]
async fn a_silent_stream_gets_comments_and_is_no_idle_connection() {
    let server = Server::with(Settings {
        ping_interval: Duration::from_millis(150),
        idle_timeout: Duration::from_millis(50),
        handshake_timeout: Duration::from_millis(50),
        ..Settings::default()
    })
    .await;
    server.create("r", "sword", 1).await;
    let mut listener = listen(&server, "").await;
    assert_eq!(listener.welcome().await.0.ping_interval_ms, 150);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.call("POST", SELECT, r#"{"player":"ann"}"#).await.status, 200);
    listener.hear_until(|message| matches!(message, ServerMessage::AssetGranted { .. }).then_some(())).await;
    assert!(listener.comments >= 2, "{}", listener.comments);
}

/// Grants and releases of one unit by one player.
async fn churn(server: &Server, grants: usize) {
    let (room, sword, player) = ("r".parse().unwrap(), "sword".parse().unwrap(), "ann".parse().unwrap());
    for _ in 0..grants {
        server.arbiter.select(&room, &sword, &player).await;
        server.arbiter.release(&room, &sword, &player).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_listener_gets_a_snapshot() {
    let server =
        Server::with(Settings { write_timeout: Duration::from_secs(600), ..Settings::default() }).await;
    server.create("r", "sword", 1).await;
    let mut slow = EventStream::open_narrow(server.address, "r/events").await;
    let (welcome, _) = slow.welcome().await;
    let mut view = RoomView::new(&welcome);
    churn(&server, 50_000).await;
    while view.offset < welcome.offset + 100_000 {
        view.follow(&slow.frame().await.0);
    }
    assert!(view.snapshots > 0 && view.grants < 50_000, "{} snapshots, {} grants", view.snapshots, view.grants);
    assert!(view.agrees_with(&server.room("r").await), "{view:?}");
    assert_eq!(server.metric("asset_arbiter_healed_readers_total").await, view.snapshots as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_reads_nothing_is_cut_and_counted() {
    let server =
        Server::with(Settings { write_timeout: Duration::from_millis(300), ..Settings::default() }).await;
    server.create("r", "sword", 1).await;
    let _stuck = EventStream::open_narrow(server.address, "r/events?player=stuck").await;
    let mut reader = listen(&server, "").await;
    assert_eq!(reader.welcome().await.0.players, 1);
    let reading = tokio::spawn(async move { while reader.next().await.is_some() {} });
    for _ in 0..100 {
        churn(&server, 1000).await;
        if server.closes("4200").await > 0 {
            break;
        }
    }
    assert_eq!(server.closes("4200").await, 1);
    eventually(0, || async { server.room("r").await.players }).await;
    assert!(!reading.is_finished(), "nobody else is touched");
    reading.abort();
}

/// Selects and releases of one unit, a hundred of each at once.
async fn play(player: &mut Client, hundreds: usize) {
    for _ in 0..hundreds {
        for _ in 0..100 {
            player.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
            player.enqueue(r#"{"type":"release_asset","asset":"sword"}"#).await;
        }
        player.flush().await;
        let mut frames = 0;
        while frames < 200 {
            frames += u32::from(player.text().await.starts_with(r#"{"type":"asset_"#));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_that_read_nothing_keep_memory_flat() {
    const MEGABYTE: u64 = 1 << 20;
    let server = Process::start(&["--write-timeout", "10m", "--asset", "sword=1"]).await;
    let mut blind = Vec::new();
    for _ in 0..20 {
        blind.push(EventStream::open_narrow(server.address, "r/events").await);
    }
    let mut player = server.join("ann").await;
    play(&mut player, 50).await;
    let full = server.resident();
    // What 20 listeners do not read now are 100 MB.
    play(&mut player, 200).await;
    let grown = server.resident().saturating_sub(full);
    assert!(grown < 8 * MEGABYTE, "{} KB more", grown >> 10);
    assert_eq!(server.metric("asset_arbiter_event_streams").await, 20);
}
