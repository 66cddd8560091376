//! Names of any kind that players may have, from the handshake to the frames, and what they are shown as.

use asset_arbiter::model::{DisplayNames, ServerMessage};

use crate::support::{Client, Server, call, get, metrics};

/// Percent-encoded as a part of a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Joins `r` with a display name.
async fn join_as(server: &Server, player: &str, name: &str) -> Client {
    let path = format!("r/ws?player={}&name={}", encoded(player), encoded(name));
    Client::join(server.address, &path).await
}

fn shown(names: &DisplayNames) -> Vec<(&str, &str)> {
    names.iter().map(|(player, name)| (player.as_str(), name.as_str())).collect()
}

/// The next player that joined or has another name: who, the name, and how many are here.
async fn joined(client: &mut Client) -> (String, Option<String>, usize) {
    client
        .hear_until(|message| match message {
            ServerMessage::PlayerJoined { player, name, players, .. } => {
                Some((player.to_string(), name.as_ref().map(ToString::to_string), *players))
            }
            _ => None,
        })
        .await
}

#[tokio::test]
async fn account_ids_and_mail_addresses_play_as_they_are() {
    let server = Server::start().await;
    let every = "ABYZabyz0189_.:|@+=~-".chars().cycle().take(128).collect::<String>();
    let names = ["auth0|5f7c8ec7", "ann+games@example.com", "eyJhIjoxfQ==", "~", "...", &every];
    server.create("r", "sword", names.len() as u32).await;
    let mut witness = server.observe("r").await;
    for name in names {
        let mut player = Client::join(server.address, &format!("r/ws?player={}", encoded(name))).await;
        assert_eq!(player.welcome.player.as_ref().unwrap().as_str(), name);
        assert!(player.gets("sword").await, "{name}");
        let granted = |message: &ServerMessage| match message {
            ServerMessage::AssetGranted { player, .. } => Some(player.to_string()),
            _ => None,
        };
        assert_eq!(witness.hear_until(granted).await, name);
        let path = "/v1/rooms/r/assets/sword/select";
        let again = call(server.address, "POST", path, &format!(r#"{{"player":"{name}"}}"#)).await;
        assert!(again.contains(r#""already_held":true"#), "{again}");
    }
    assert_eq!(server.asset("r", "sword").await.remaining, 0);
}

#[tokio::test]
async fn display_names_are_told_to_all_and_only_of_who_has_one() {
    let server = Server::start().await;
    let mut witness = server.observe("r").await;
    assert!(witness.welcome.names.is_empty());
    let ann = join_as(&server, "auth0|1", "Zoe\u{308} \"Ann\" <B.>").await;
    let _bob = server.join("r", "bob").await;
    let composed = "Zo\u{eb} \"Ann\" <B.>";
    assert_eq!(shown(&ann.welcome.names), [("auth0|1", composed)]);
    assert_eq!(joined(&mut witness).await, ("auth0|1".to_owned(), Some(composed.to_owned()), 1));
    assert_eq!(joined(&mut witness).await, ("bob".to_owned(), None, 2));
    witness.say(r#"{"type":"sync"}"#).await;
    let names = |message: &ServerMessage| match message {
        ServerMessage::Snapshot { names, .. } => Some(names.clone()),
        _ => None,
    };
    assert_eq!(shown(&witness.hear_until(names).await), [("auth0|1", composed)]);
    server.create("r", "sword", 1).await;
    assert_eq!(shown(&server.room("r").await.names), [("auth0|1", composed)]);
    let body = get(server.address, "/v1/rooms/r").await;
    assert!(body.contains(r#""names":{"auth0|1":"Zoë \"Ann\" <B.>"}"#), "{body}");
}

#[tokio::test]
async fn the_newest_display_name_holds_while_the_player_is_here() {
    let server = Server::start().await;
    let mut witness = server.observe("r").await;
    let mut first = join_as(&server, "ann", "Ann").await;
    let mut second = join_as(&server, "ann", "Annie").await;
    let mut third = server.join("r", "ann").await;
    assert_eq!(shown(&third.welcome.names), [("ann", "Annie")]);
    second.leave().await;
    let bob = server.join("r", "bob").await;
    assert_eq!(shown(&bob.welcome.names), [("ann", "Annie")]);
    first.leave().await;
    third.leave().await;
    let ann = server.join("r", "ann").await;
    assert!(ann.welcome.names.is_empty());
    let mut heard = Vec::new();
    for _ in 0..4 {
        let (player, name, players) = joined(&mut witness).await;
        heard.push(format!("{player} {} {players}", name.unwrap_or_default()));
    }
    assert_eq!(heard, ["ann Ann 1", "ann Annie 1", "bob  2", "ann  2"]);
}

#[tokio::test]
async fn a_welcome_that_recovers_leaves_the_display_names_out() {
    let server = Server::start().await;
    let ann = join_as(&server, "ann", "Ann").await;
    let (epoch, offset) = (ann.welcome.epoch.clone(), ann.welcome.offset);
    let again = ann.resume(server.address, &epoch, offset).await;
    assert!(again.welcome.recovered && again.welcome.present.is_none() && again.welcome.names.is_empty());
}

#[tokio::test]
async fn a_refused_display_name_is_told_why() {
    let server = Server::start().await;
    for (query, said) in [
        ("name=Ann", "give player, too"),
        ("player=ann&name=%20Ann", "begins or ends with white space"),
        ("player=ann&name=A%E2%80%AE", "U+202E"),
        ("player=ann&name=", "it is empty"),
    ] {
        let body = get(server.address, &format!("/v1/rooms/r/ws?{query}")).await;
        assert!(body.starts_with("HTTP/1.1 400 ") && body.contains(said), "{query}: {body}");
    }
}

#[tokio::test]
async fn no_metric_has_a_label_made_from_a_name() {
    let server = Server::start().await;
    server.create("roomname", "assetname", 1).await;
    let path = "roomname/ws?player=playername%7C1&name=Displayname";
    let mut player = Client::join(server.address, path).await;
    assert!(player.gets("assetname").await);
    player.release("assetname", 7).await;
    player.select("unknownname", 8).await;
    for (method, path, body) in [
        ("GET", "/v1/rooms/roomname", ""),
        ("GET", "/v1/rooms/roomname/assets/assetname/holders", ""),
        ("POST", "/v1/rooms/roomname/assets/assetname/select", r#"{"player":"playername|2"}"#),
        ("POST", "/v1/rooms/roomname/assets/unknownname/release", r#"{"player":"playername|2"}"#),
        ("DELETE", "/v1/rooms/roomname/assets/assetname", ""),
    ] {
        call(server.address, method, path, body).await;
    }
    player.leave().await;
    let metrics = metrics(server.address).await;
    assert!(metrics.contains("asset_arbiter_selects_total"), "{metrics}");
    for name in ["roomname", "assetname", "playername", "isplayname", "unknownname"] {
        assert!(!metrics.contains(name), "{name} in {metrics}");
    }
}
