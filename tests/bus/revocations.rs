//! Three nodes whose players are revoked and kicked, with a bus that dies.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::{
    engines::{eventually, redis},
    server::servers,
    support::{
        Client, Process, Socket, ask, soon,
        tokens::{bearer, key_file, now, token, token_with},
    },
};

/// A revoked player is out of all nodes within this time, and a fraction of the interval of resyncs.
const OUT_WITHIN: Duration = Duration::from_secs(1);

const OPERATOR: (&str, &str) = ("ASSET_ARBITER_ADMIN_KEY", "operator");

async fn node(flags: &[&str]) -> Process {
    Process::start_with_env(flags, &[OPERATOR]).await
}

async fn open(node: &Process, token: &str) -> Socket {
    Socket::open_with(node.address, "r/ws", &bearer(token)).await
}

async fn join(node: &Process, token: &str) -> Client {
    open(node, token).await.welcomed().await
}

/// The status of a request with the admin key.
async fn operate(node: &Process, method: &str, path: &str, body: &Value) -> u16 {
    let body = body.to_string();
    let head = format!("Host: localhost\r\nConnection: close\r\n{}", bearer("operator"));
    let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let answer = ask(node.address, format!("{method} {path} HTTP/1.1\r\n{head}{length}\r\n{body}")).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

async fn is_out(clients: &mut [Client], code: u16) {
    let since = Instant::now();
    for client in clients {
        let closed = timeout(OUT_WITHIN, client.closed()).await.expect("out in time");
        assert_eq!((closed.code, closed.retry_after_ms), (code, 0));
    }
    println!("out of every node after {} ms", since.elapsed().as_millis());
}

#[tokio::test]
async fn a_revoked_player_is_out_of_every_node_and_stays_out() {
    let (_folder, key) = key_file();
    for mut server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        let (store_url, bus_url) = (store.url(), server.url());
        let flags = ["--store", &store_url, "--bus", &bus_url, "--token-key", &key, "--resync-interval", "1h"];
        let nodes = [node(&flags).await, node(&flags).await, node(&flags).await];
        let mut clients = Vec::new();
        for node in &nodes {
            clients.push(join(node, &token_with("ann", json!({"iat": now() - 5}))).await);
        }
        let mut bob = join(&nodes[2], &token("bob")).await;
        assert_eq!(operate(&nodes[0], "POST", "/v1/revocations", &json!({"player": "ann"})).await, 200);
        is_out(&mut clients, 4003).await;
        for node in &nodes {
            let again = open(node, &token_with("ann", json!({"iat": now() - 5}))).await.try_welcomed().await;
            assert_eq!(again.err().map(|closed| closed.code), Some(4003));
        }

        // Without the bus: the store tells, when a token is shown.
        server.process().kill();
        let of_carol = token_with("carol", json!({"iat": now() - 5}));
        let mut carol = join(&nodes[1], &of_carol).await;
        assert_eq!(operate(&nodes[0], "POST", "/v1/revocations", &json!({"player": "carol"})).await, 200);
        let refused = async || open(&nodes[1], &of_carol).await.try_welcomed().await.err();
        let closed = eventually("the store to be asked", refused).await;
        assert_eq!(closed.code, 4003);
        assert_eq!(carol.closed().await.code, 4003, "the join made the node look");

        // A node that starts now knows, too.
        let late = node(&flags).await;
        let closed = open(&late, &of_carol).await.try_welcomed().await.err().expect("refused");
        assert_eq!(closed.code, 4003);

        // When the bus is back, it tells at once again.
        server.restart();
        let mut dave = join(&nodes[1], &token_with("dave", json!({"iat": now() - 5}))).await;
        assert_eq!(operate(&nodes[0], "POST", "/v1/revocations", &json!({"player": "dave"})).await, 200);
        soon("dave is out", async { assert_eq!(dave.closed().await.code, 4003) }).await;
        bob.say(r#"{"type":"ping"}"#).await;
        let pong = bob.hear_until(|message| {
            matches!(message, asset_arbiter::model::ServerMessage::Pong { .. }).then_some(())
        });
        soon("bob plays on", pong).await;
    }
}

#[tokio::test]
async fn a_kicked_player_is_out_of_every_node() {
    for server in servers() {
        let Some(engine) = redis::all().into_iter().next() else { return };
        let store = engine.start();
        let (store_url, bus_url) = (store.url(), server.url());
        let flags = ["--store", &store_url, "--bus", &bus_url, "--asset", "sword=1"];
        let nodes = [node(&flags).await, node(&flags).await, node(&flags).await];
        let mut clients = [nodes[0].join("ann").await, nodes[1].join("ann").await, nodes[2].join("ann").await];
        let mut bob = nodes[1].join("bob").await;
        assert!(clients[2].gets("sword").await);
        let status = operate(&nodes[0], "DELETE", "/v1/rooms/r/players/ann?release=true", &json!({})).await;
        assert_eq!(status, 200);
        is_out(&mut clients, 4005).await;
        assert!(bob.gets("sword").await, "it was released");
    }
}

#[tokio::test]
async fn a_second_connection_on_another_node_follows_the_rule() {
    for (rule, code, first_stays) in [("replace", 4006, false), ("refuse", 4007, true)] {
        for server in servers() {
            let Some(engine) = redis::all().into_iter().next() else { return };
            let store = engine.start();
            let (store_url, bus_url) = (store.url(), server.url());
            let flags = ["--store", &store_url, "--bus", &bus_url, "--asset", "sword=1", "--same-player", rule];
            let nodes = [node(&flags).await, node(&flags).await];
            let mut first = nodes[0].join("ann").await;
            // Until then two joins are at the same time, and either may stay.
            tokio::time::sleep(Duration::from_millis(5500)).await;
            let mut second = nodes[1].join("ann").await;
            let (goes, stays) = if first_stays { (&mut second, &mut first) } else { (&mut first, &mut second) };
            assert_eq!(soon("one ends", goes.closed()).await.code, code, "{rule} over {bus_url}");
            assert!(stays.gets("sword").await);
        }
    }
}
