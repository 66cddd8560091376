//! What is delivered: signed, in order, each room for itself.

use std::{process::Stdio, time::Duration};

use asset_arbiter::server::{Certificate, WebhookSecret};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    SECRET, deliveries, quick,
    receiver::{Receiver, Reply, Request},
    select, server, server_with, shown,
    support::{call, eventually},
};

/// The signature of a request, computed by OpenSSL.
async fn expected(request: &Request, secret: &str) -> String {
    let script = "key=$(printf %s \"$1\" | base64 -d | od -An -v -tx1 | tr -d ' \\n'); \
                  openssl dgst -sha256 -mac HMAC -macopt hexkey:$key -binary | base64";
    let mut openssl = Command::new("bash")
        .args(["-c", script, "bash", secret.strip_prefix("whsec_").unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let signed = format!("{id}.{timestamp}.{}", request.body);
    openssl.stdin.take().unwrap().write_all(signed.as_bytes()).await.unwrap();
    let output = openssl.wait_with_output().await.unwrap();
    format!("v1,{}", String::from_utf8(output.stdout).unwrap().trim())
}

#[tokio::test]
async fn a_grant_is_delivered_signed_and_acknowledged() {
    let receiver = Receiver::start().await;
    let server = server(&receiver).await;
    server.create("r", "sword", 2).await;
    select(&server, "r", "ann").await;
    let requests =
        receiver.until("both events", |requests| requests.iter().flat_map(Request::events).count() == 2).await;
    for request in &requests {
        assert_eq!(request.path, "/hook?token=hunter2");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("webhook-signature"), expected(request, SECRET).await);
        let age = server.arbiter.now() / 1000 - request.header("webhook-timestamp").parse::<u64>().unwrap();
        assert!(age < 60 && request.header("webhook-id").starts_with("msg_"));
    }
    let granted = requests.iter().flat_map(Request::events).last().unwrap();
    assert_eq!((&granted["type"], &granted["player"]), (&json!("granted"), &json!("ann")));
    assert_eq!((&granted["room"], &granted["revision"]), (&json!("r"), &json!(1)));
    eventually(json!(0), async || shown(&server).await["waiting"].clone()).await;
    let left = call(server.address, "GET", "/v1/events", "").await;
    assert!(left.ends_with(r#"{"events":[]}"#), "acknowledged: {left}");
    assert_eq!(deliveries(&server, "delivered").await, requests.len() as u64);
    assert_eq!(receiver.connections(), 1, "a connection serves many deliveries");
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign() {
    const OLD: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let receiver = Receiver::start().await;
    let mut webhook = crate::settings(&receiver.url(), quick());
    webhook.secrets = WebhookSecret::parse_all(&format!("{SECRET}\n{OLD}\n")).unwrap();
    let server = crate::server_of(webhook).await;
    server.create("r", "sword", 1).await;
    let requests = receiver.until("a delivery", |requests| !requests.is_empty()).await;
    let (new, old) = (expected(&requests[0], SECRET).await, expected(&requests[0], OLD).await);
    assert_eq!(requests[0].header("webhook-signature"), format!("{new} {old}"));
}

#[tokio::test]
async fn events_of_an_asset_come_in_order_and_a_room_has_one_request_at_a_time() {
    // The receiver itself refuses two requests of a room at a time.
    let receiver = Receiver::replying(|_, number| match number % 3 {
        0 => Reply::Status(500, String::new()),
        _ => Reply::Late(Duration::from_millis(5), 200),
    })
    .await;
    let server = server(&receiver).await;
    server.create("r", "sword", 200).await;
    server.create("r", "axe", 200).await;
    for player in 0..150 {
        select(&server, "r", &format!("p{player}")).await;
        if player % 3 == 0 {
            let body = format!(r#"{{"player":"p{player}"}}"#);
            call(server.address, "POST", "/v1/rooms/r/assets/axe/select", &body).await;
        }
    }
    let acknowledged = |requests: &[Request]| -> Vec<(String, u64)> {
        let numbered = requests.iter().enumerate().filter(|(number, _)| number % 3 != 0);
        numbered.flat_map(|(_, request)| request.revisions()).collect()
    };
    let requests = receiver.until("all events", |requests| acknowledged(requests).len() >= 202).await;
    let all = acknowledged(&requests);
    for (asset, last) in [("sword", 150), ("axe", 50)] {
        let of: Vec<_> = all.iter().filter(|(name, _)| name == asset).map(|(_, revision)| *revision).collect();
        assert_eq!(of, (0..=last).collect::<Vec<_>>(), "{asset}: each once, in order");
    }
    assert!(requests.iter().all(|request| (1..=100).contains(&request.events().len())));
    // The same events have the same id, others another.
    for pair in requests.windows(2) {
        let same = pair[0].revisions() == pair[1].revisions();
        assert_eq!(pair[0].header("webhook-id") == pair[1].header("webhook-id"), same);
    }
}

#[tokio::test]
async fn many_rooms_are_delivered_at_once_but_not_all() {
    let receiver = Receiver::replying(|_, _| Reply::Late(Duration::from_millis(100), 200)).await;
    let server = server(&receiver).await;
    for room in 0..100 {
        server.create(&format!("r{room}"), "sword", 1).await;
    }
    let requests = receiver.until("every room", |requests| requests.len() >= 100).await;
    assert_eq!(requests.len(), 100);
    let most = receiver.most_under_way();
    assert!((8..=32).contains(&most), "{most} at a time");
}

#[tokio::test]
async fn a_slow_room_delays_no_other() {
    let is_slow = |request: &Request| request.room() == "slow";
    let receiver =
        Receiver::replying(
            move |request, _| {
                if is_slow(request) { Reply::Silence } else { Reply::Status(200, String::new()) }
            },
        )
        .await;
    let server = server(&receiver).await;
    server.create("slow", "sword", 1).await;
    receiver.until("the slow room", |requests| requests.iter().any(is_slow)).await;
    let since = Instant::now();
    for room in 0..20 {
        server.create(&format!("r{room}"), "sword", 1).await;
    }
    receiver.until("the others", |requests| requests.len() >= 21).await;
    assert!(since.elapsed() < quick().attempt / 2);
    assert_eq!(receiver.requests().iter().filter(|request| is_slow(request)).count(), 1);
}

#[tokio::test]
async fn a_webhook_over_tls_must_show_a_certificate_that_the_system_trusts() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, private) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, key.cert.pem()).unwrap();
    std::fs::write(&private, key.signing_key.serialize_pem()).unwrap();
    let secure = crate::support::Server::with(|setup| {
        setup.settings.tls = Some(Certificate::load(&cert, &private).unwrap());
    })
    .await;
    let url = format!("https://localhost:{}/hook", secure.address.port());
    let server = server_with(&url, quick()).await;
    server.create("r", "sword", 1).await;
    eventually(true, async || deliveries(&server, "unreachable").await > 0).await;
    let failure = shown(&server).await["last_failure"].to_string();
    assert!(failure.contains("certificate"), "{failure}");
    assert_eq!(deliveries(&server, "delivered").await, 0);
}

#[tokio::test]
async fn a_server_that_stops_finishes_the_delivery_under_way() {
    let receiver = Receiver::replying(|_, _| Reply::Late(Duration::from_millis(300), 200)).await;
    let server = server(&receiver).await;
    server.create("r", "sword", 1).await;
    receiver.until("a delivery", |requests| !requests.is_empty()).await;
    let (arbiter, since) = (server.arbiter.clone(), Instant::now());
    server.stop().await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5));
    let left = arbiter.outbox().take(10, Duration::ZERO).await.unwrap();
    assert!(left.is_empty(), "acknowledged before the end: {left:?}");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.requests().len(), 1);
}
