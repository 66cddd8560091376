//! Coming back after a drop.

use asset_arbiter::model::ServerMessage;

use crate::support::{Client, RoomView, Server, eventually};

/// Small, so that it is soon outrun.
const ROOM_LOG: usize = 16;

async fn server() -> Server {
    let server = Server::with(|setup| setup.config.room_log = ROOM_LOG).await;
    server.create("r", "sword", 1000).await;
    server
}

/// Room frames as they came, up to and with the one at `offset`.
async fn frames_until(client: &mut Client, offset: u64) -> Vec<String> {
    let mut frames = Vec::new();
    loop {
        let text = client.text().await;
        let at = serde_json::from_str::<serde_json::Value>(&text).unwrap()["offset"].as_u64();
        frames.extend(at.map(|_| text));
        if at == Some(offset) {
            return frames;
        }
    }
}

/// So many grants, and the offset of the last as `witness` hears it, with its own frames.
async fn grants(server: &Server, witness: &mut Client, from: usize, count: usize) -> (Vec<String>, u64) {
    let mut frames = Vec::new();
    let mut last = 0;
    for n in from..from + count {
        let player = format!("w{n}").parse().unwrap();
        server.arbiter.select(&"r".parse().unwrap(), &"sword".parse().unwrap(), &player).await;
        let text = witness.text().await;
        last = serde_json::from_str::<serde_json::Value>(&text).unwrap()["offset"].as_u64().unwrap();
        frames.push(text);
    }
    (frames, last)
}

#[tokio::test]
async fn within_the_log_exactly_the_missed_frames_come_also_after_a_second_drop() {
    let server = server().await;
    let mut witness = server.observe("r").await;
    let first = server.observe("r").await;
    let (epoch, seen) = (first.welcome.epoch.clone(), first.welcome.offset);
    drop(first);
    let (missed, offset) = grants(&server, &mut witness, 0, 5).await;

    let mut second = witness.resume(server.address, &epoch, seen).await;
    assert!(second.welcome.recovered);
    assert_eq!((second.welcome.offset, &second.welcome.epoch), (seen, &epoch));
    let left_out = (&second.welcome.assets, &second.welcome.present, &second.welcome.held);
    assert_eq!(left_out, (&None, &None, &None), "a client that recovers knows the rest");
    assert_eq!(frames_until(&mut second, offset).await, missed, "to the byte what another member heard");
    drop(second);

    let (missed, last) = grants(&server, &mut witness, 5, ROOM_LOG).await;
    let mut third = witness.resume(server.address, &epoch, offset).await;
    assert!(third.welcome.recovered, "the whole log, and not one frame more");
    assert_eq!(frames_until(&mut third, last).await, missed);
    let (live, last) = grants(&server, &mut witness, 50, 1).await;
    assert_eq!(frames_until(&mut third, last).await, live, "then it goes on");
}

#[tokio::test]
async fn after_nothing_was_missed_nothing_is_sent_twice() {
    let server = server().await;
    let mut witness = server.observe("r").await;
    let (_, offset) = grants(&server, &mut witness, 0, 3).await;
    let epoch = witness.welcome.epoch.clone();
    for _ in 0..2 {
        let mut back = witness.resume(server.address, &epoch, offset).await;
        assert!(back.welcome.recovered);
        assert_eq!(back.welcome.offset, offset);
        back.say(r#"{"type":"ping"}"#).await;
        let next = back.hear().await;
        assert!(matches!(next, ServerMessage::Pong { .. }), "{next:?}");
    }
}

#[tokio::test]
async fn a_player_that_recovers_hears_of_its_own_leave_and_return() {
    let server = server().await;
    let mut ann = server.join("r", "ann").await;
    let welcome = ann.welcome.clone();
    let mut witness = server.observe("r").await;
    ann.leave().await;
    let left = witness.text().await;
    let mut back = ann.resume(server.address, &welcome.epoch, welcome.offset).await;
    let joined = witness.text().await;
    assert!(back.welcome.recovered && left.contains("player_left") && joined.contains("player_joined"));
    assert_eq!(frames_until(&mut back, welcome.offset + 2).await, [left, joined]);
}

#[tokio::test]
async fn beyond_the_log_the_whole_state_comes() {
    let server = server().await;
    let mut witness = server.observe("r").await;
    let (epoch, seen) = (witness.welcome.epoch.clone(), witness.welcome.offset);
    grants(&server, &mut witness, 0, ROOM_LOG + 1).await;
    expect_whole_state(&server, witness.resume(server.address, &epoch, seen).await).await;
}

#[tokio::test]
async fn a_place_that_never_was_gets_the_whole_state() {
    let server = server().await;
    let mut witness = server.observe("r").await;
    let (_, offset) = grants(&server, &mut witness, 0, 3).await;
    let epoch = witness.welcome.epoch.clone();
    for (epoch, offset) in [
        // First, as each of them is told of one more grant.
        (epoch.as_str(), offset + 1),
        ("anotherEpoch", offset),
        (epoch.as_str(), offset + 100),
        (epoch.as_str(), u64::MAX),
        (epoch.to_lowercase().as_str(), offset),
    ] {
        expect_whole_state(&server, witness.resume(server.address, epoch, offset).await).await;
    }
}

#[tokio::test]
async fn a_room_that_everyone_left_is_kept_for_a_while_and_then_begins_a_new_log() {
    let server = server().await;
    let mut ann = server.observe("r").await;
    let (epoch, offset) = (ann.welcome.epoch.clone(), ann.welcome.offset);
    ann.leave().await;
    assert!(ann.resume(server.address, &epoch, offset).await.welcome.recovered, "within --room-linger");

    let server = Server::with(|setup| setup.config.room_linger = std::time::Duration::ZERO).await;
    server.create("r", "sword", 1000).await;
    let mut ann = server.observe("r").await;
    let (epoch, offset) = (ann.welcome.epoch.clone(), ann.welcome.offset);
    eventually(1, || server.metric("asset_arbiter_rooms")).await;
    ann.leave().await;
    eventually(0, || server.metric("asset_arbiter_rooms")).await;
    let back = ann.resume(server.address, &epoch, offset).await;
    assert_ne!(back.welcome.epoch, epoch);
    expect_whole_state(&server, back).await;
}

/// Not recovered, told everything, and in the stream from there on.
async fn expect_whole_state(server: &Server, mut client: Client) {
    assert!(!client.welcome.recovered);
    let mut view = RoomView::new(&client.welcome);
    assert!(view.agrees_with(&server.room("r").await), "{view:?}");
    assert_eq!(client.welcome.held, Some(Vec::new()));
    let player = format!("later{}", view.offset).parse().unwrap();
    server.arbiter.select(&"r".parse().unwrap(), &"sword".parse().unwrap(), &player).await;
    view.follow(&client.hear().await);
    assert_eq!(view.grants, 1);
    assert!(view.agrees_with(&server.room("r").await), "{view:?}");
}
