//! Webhooks that take nothing.

use std::{fs, time::SystemTime};

use asset_arbiter::store;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{live::Stage, node::Node, support::Server};

/// A webhook that nobody answers, for an event of an hour ago.
pub(crate) async fn deaf(stage: &Stage) {
    let redis = stage.redis.start();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let options = store::Options { room_ttl: None, max_assets: None, events_backlog: Some(100), history: None };
    let inner = store::open(&redis.url(), options).unwrap();
    let earlier = Server::with(|setup| {
        setup.config.clock_starts_at = Some(u64::try_from(now).unwrap() - 3_600_000);
        setup.config.auto_create = Some(1);
        setup.inner = Some(inner);
    });
    let earlier = earlier.await;
    assert!(earlier.join("r", "ann").await.gets("sword").await);
    let (secret, flags) = flags("http://127.0.0.1:1/hook");
    let url = redis.url();
    let flags: Vec<_> = flags.iter().map(String::as_str).chain(["--store", &url]).collect();
    let node = Node::start(&flags).await;
    stage.scrape("deaf", node.metrics).await;
    stage.fires("deaf", &["WebhookFails", "WebhookLags"]).await;
    stage.keep((redis, earlier, secret, node));
}

/// A webhook that answers 410 Gone.
pub(crate) async fn paused(stage: &Stage) {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (secret, flags) = flags(&format!("http://{}/hook", backend.local_addr().unwrap()));
    let flags: Vec<_> = flags.iter().map(String::as_str).chain(["--auto-create", "1"]).collect();
    let node = Node::start(&flags).await;
    stage.scrape("paused", node.metrics).await;
    let mut ann = node.process.join("ann").await;
    assert!(ann.gets("sword").await);
    let (mut request, _) = backend.accept().await.unwrap();
    // An answer that came before the request would be none.
    assert!(request.read(&mut [0; 4096]).await.unwrap() > 0);
    request.write_all(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    stage.fires("paused", &["WebhookPaused"]).await;
    stage.keep((node, ann, secret, request));
}

/// The flags of a node with a webhook, and the file of its secret.
fn flags(url: &str) -> (NamedTempFile, Vec<String>) {
    let secret = NamedTempFile::new().unwrap();
    fs::write(secret.path(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let file = secret.path().to_str().unwrap();
    let flags = ["--events", "on", "--webhook", url, "--webhook-secret-file", file].map(str::to_owned);
    (secret, flags.to_vec())
}
