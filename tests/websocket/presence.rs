//! Who is here, in small rooms by name and in large ones by number.

use std::time::{Duration, Instant};

use asset_arbiter::model::ServerMessage;
use futures::future::join_all;

use crate::support::{Client, RoomView, Server};

/// The next frame about who is here: what happened, to whom, and how many are here.
async fn news(client: &mut Client) -> (&'static str, String, usize) {
    client
        .hear_until(|message| match message {
            ServerMessage::PlayerJoined { player, players, .. } => {
                Some(("joined", player.to_string(), *players))
            }
            ServerMessage::PlayerLeft { player, players, .. } => Some(("left", player.to_string(), *players)),
            ServerMessage::Players { players, .. } => Some(("count", String::new(), *players)),
            ServerMessage::Snapshot { present, players, .. } => Some((
                "names",
                present.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "),
                *players,
            )),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_player_comes_with_its_first_connection_and_goes_with_its_last() {
    let server = Server::start().await;
    let mut witness = server.observe("r").await;
    let mut first = server.join("r", "ann").await;
    let mut second = server.join("r", "ann").await;
    assert_eq!((second.welcome.players, second.welcome.present.as_ref().unwrap().len()), (1, 1));
    first.leave().await;
    let mut bob = server.join("r", "bob").await;
    second.leave().await;
    bob.leave().await;
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(news(&mut witness).await);
    }
    let expected = [("joined", "ann", 1), ("joined", "bob", 2), ("left", "ann", 1), ("left", "bob", 0)];
    assert_eq!(heard, expected.map(|(what, who, players)| (what, who.to_owned(), players)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_room_gets_numbers_and_names_again_once_it_is_small() {
    let server = Server::start().await;
    let mut witness = server.observe("r").await;
    let mut view = RoomView::new(&witness.welcome);
    let names: Vec<_> = (0..70).map(|n| format!("p{n:02}")).collect();
    let mut players = join_all(names.iter().map(|name| server.join("r", name))).await;
    let late = server.join("r", "late").await;
    assert_eq!((late.welcome.players, late.welcome.present.as_deref()), (71, Some([].as_slice())));
    drop(late);

    let mut joined = 0;
    let at = witness
        .hear_until(|message| {
            view.follow(message);
            match message {
                ServerMessage::PlayerJoined { players, .. } => {
                    joined += 1;
                    assert_eq!(*players, joined);
                    None
                }
                ServerMessage::Players { players, .. } => Some(*players),
                other => panic!("{other:?}"),
            }
        })
        .await;
    assert_eq!(joined, 64, "--presence-limit");
    assert!((65..=71).contains(&at), "{at}");

    for player in &mut players[60..] {
        player.leave().await;
    }
    let (what, present, count) = loop {
        match news(&mut witness).await {
            ("count", _, _) => {}
            other => break other,
        }
    };
    assert_eq!((what, present, count), ("names", names[..60].join(" "), 60));
    players[0].leave().await;
    assert_eq!(news(&mut witness).await, ("left", "p00".to_owned(), 59));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_room_gets_its_number_at_most_once_a_second() {
    let server = Server::with(|setup| setup.config.presence_limit = 0).await;
    // Never empty: nobody is few enough to be named.
    let mut witness = server.join("r", "witness").await;
    let started = Instant::now();
    let mut changes = 0;
    let counts = async {
        let mut counts = 0;
        while counts < 3 {
            assert_eq!(news(&mut witness).await.0, "count");
            counts += 1;
        }
        counts
    };
    let churn = async {
        loop {
            server.join("r", "ann").await.leave().await;
            changes += 2;
        }
    };
    let counts = tokio::select! { counts = counts => counts, () = churn => unreachable!() };
    // The server looks once a second; one look may have come right at the start, and may have been late.
    let lateness = Duration::from_millis(500);
    assert!(counts <= (started.elapsed() + lateness).as_secs() + 1, "{counts} in {:?}", started.elapsed());
    assert!(changes > 20, "there was more to tell: {changes}");
}
