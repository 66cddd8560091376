//! Nodes that share a store and a webhook.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    SECRET,
    engines::redis,
    receiver::{Receiver, Reply, Request},
    support::{Process, call, eventually},
};
use tokio::time::Instant;

/// Nodes on one Redis, each with the webhook.
struct Nodes {
    _redis: redis::Server,
    secrets: tempfile::NamedTempFile,
    store: String,
    url: String,
}

impl Nodes {
    async fn start(&self) -> Process {
        let secrets = self.secrets.path().to_str().unwrap();
        Process::start(&[
            "--store",
            &self.store,
            "--events",
            "on",
            "--webhook",
            &self.url,
            "--webhook-secret-file",
            secrets,
        ])
        .await
    }
}

/// `None`: there is no Redis here.
fn nodes(receiver: &Receiver) -> Option<Nodes> {
    let server = redis::redis()?.start();
    let secrets = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secrets.path(), SECRET).unwrap();
    Some(Nodes { store: server.url(), _redis: server, secrets, url: receiver.url() })
}

async fn create(node: &Process, room: &str, units: u32) {
    let (path, body) = (format!("/v1/rooms/{room}/assets/sword"), format!(r#"{{"units":{units}}}"#));
    let answer = call(node.address, "PUT", &path, &body).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

async fn state(node: &Process) -> String {
    let answer = node.get("/v1/webhooks").await;
    let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["webhooks"][0]["state"].as_str().unwrap().to_owned()
}

fn status(status: u16) -> Reply {
    Reply::Status(status, String::new())
}

/// The receiver itself refuses two requests of a room at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_deliver_the_events_of_an_asset_in_order() {
    let receiver = Receiver::replying(|_, number| {
        if number % 7 == 3 { status(500) } else { Reply::Late(Duration::from_millis(10), 200) }
    })
    .await;
    let Some(nodes) = nodes(&receiver) else { return };
    let both = [nodes.start().await, nodes.start().await];
    let rooms = ["a", "b", "c", "d"];
    for room in rooms {
        create(&both[0], room, 100).await;
    }
    for player in 0..40 {
        for (number, room) in rooms.iter().enumerate() {
            let path = format!("/v1/rooms/{room}/assets/sword/select");
            let node = &both[(player + number) % 2];
            let answer = call(node.address, "POST", &path, &format!(r#"{{"player":"p{player}"}}"#)).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
    let acknowledged = |requests: &[Request]| {
        let mut seen = BTreeMap::<String, Vec<u64>>::new();
        for (_, request) in requests.iter().enumerate().filter(|(number, _)| number % 7 != 3) {
            let revisions = request.revisions().into_iter().map(|(_, revision)| revision);
            seen.entry(request.room()).or_default().extend(revisions);
        }
        seen
    };
    let all = |requests: &[Request]| {
        let seen = acknowledged(requests);
        seen.len() == rooms.len() && seen.values().all(|revisions| revisions.last() == Some(&40))
    };
    let requests = receiver.until("all events", all).await;
    for (room, revisions) in acknowledged(&requests) {
        assert_eq!(revisions, (0..=40).collect::<Vec<_>>(), "{room}: each once, in order");
    }
    for node in both {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_node_is_killed_in_mid_batch_another_delivers_within_15_seconds() {
    let receiver = Receiver::replying(|_, number| if number == 0 { Reply::Silence } else { status(200) }).await;
    let Some(nodes) = nodes(&receiver) else { return };
    let mut killed = nodes.start().await;
    create(&killed, "r", 1).await;
    receiver.until("the first attempt", |requests| requests.len() == 1).await;
    let other = nodes.start().await;
    killed.child.kill().await.unwrap();
    let since = Instant::now();
    let requests = receiver.until("the other's attempt", |requests| requests.len() == 2).await;
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    other.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_attempt_what_fails_no_more_often_than_one() {
    let receiver = Receiver::replying(|_, _| status(500)).await;
    let Some(nodes) = nodes(&receiver) else { return };
    let both = [nodes.start().await, nodes.start().await];
    create(&both[0], "r", 1).await;
    let requests = receiver.until("four attempts", |requests| requests.len() == 4).await;
    let gaps: Vec<_> = requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    for (gap, seconds) in gaps.iter().zip([1, 2, 4]) {
        assert!(*gap >= Duration::from_secs(seconds), "{gaps:?}");
    }
    for node in both {
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_and_its_end_are_those_of_all_nodes() {
    let receiver = Receiver::replying(|_, _| status(410)).await;
    let Some(nodes) = nodes(&receiver) else { return };
    let both = [nodes.start().await, nodes.start().await];
    create(&both[0], "r", 1).await;
    for node in &both {
        eventually("paused".to_owned(), async || state(node).await).await;
    }
    receiver.reply(|_, _| status(200));
    let resumed = call(both[1].address, "POST", "/v1/webhooks/resume", "").await;
    assert!(resumed.starts_with("HTTP/1.1 200"), "{resumed}");
    receiver.until("the event", |requests| requests.len() >= 2).await;
    for node in &both {
        eventually("active".to_owned(), async || state(node).await).await;
    }
    for node in both {
        node.end().await;
    }
}
