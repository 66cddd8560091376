//! No span, and no request to the collector, has a secret.

use std::fs;

use crate::{
    collector::Collector,
    selects,
    support::{
        Client, Process, Socket, ask,
        tokens::{bearer, key_file, token},
    },
    traced, traceparent,
};

const ADMIN: &str = "hunter2-the-admin-key";

#[tokio::test]
async fn no_token_and_no_key_is_in_any_span() {
    let (collector, (folder, key)) = (Collector::start().await, key_file());
    let admin = folder.path().join("admin");
    fs::write(&admin, ADMIN).unwrap();
    let flags = ["--token-key", &key, "--admin-key-file", admin.to_str().unwrap()];
    let server = traced(&collector, &flags).await;
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(token);
    let in_header = format!("{}{}", bearer(&ann), traceparent("01"));
    let mut in_header = Socket::open_with(server.address, "r/ws", &in_header).await.welcomed().await;
    let mut in_url = Client::join(server.address, &format!("r/ws?token={bob}")).await;
    for client in [&mut in_header, &mut in_url] {
        client.selects("sword").await;
        client.selects("no_such_asset").await;
    }
    post(&server, "cid", &cid).await;
    post(&server, "dan", ADMIN).await;
    selects(&collector, 6).await;
    server.end().await;
    let secrets = [ann, bob, cid, ADMIN.to_owned()];
    for secret in secrets.iter().flat_map(|secret| secret.split('.')) {
        assert!(!collector.has_heard(secret), "{secret}");
    }
    for word in ["dan", "granted", "no_such_asset"] {
        assert!(collector.has_heard(word), "{word} is no secret");
    }
    for header in ["Authorization", "authorization", "cookie"] {
        assert!(!collector.has_heard(header), "{header}");
    }
}

async fn post(server: &Process, player: &str, credential: &str) {
    let body = format!(r#"{{"player":"{player}"}}"#);
    let head = "POST /v1/rooms/r/assets/potion/select HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\n";
    let request = format!("{head}{}Content-Length: {}\r\n\r\n{body}", bearer(credential), body.len());
    let answer = ask(server.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
