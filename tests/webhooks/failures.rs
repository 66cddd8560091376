//! An endpoint that fails: what waits comes again, and nothing is lost.

use std::time::{Duration, SystemTime};

use asset_arbiter::server::WebhookPace;
use serde_json::json;
use tokio::time::sleep;

use crate::{
    deliveries, quick,
    receiver::{Receiver, Reply, Request},
    select, server, server_with, shown,
    support::eventually,
};

fn fails(times: usize, reply: Reply) -> impl Fn(&Request, usize) -> Reply + Send + Sync {
    move |_, number| if number < times { reply.clone() } else { Reply::Status(200, String::new()) }
}

fn status(status: u16) -> Reply {
    Reply::Status(status, String::new())
}

/// Waits until the event of a room's creation is acknowledged after so many failures.
async fn delivered_after(failures: usize, outcome: &str, reply: Reply, pace: WebhookPace) -> Vec<Request> {
    let receiver = Receiver::replying(fails(failures, reply)).await;
    let server = server_with(&receiver.url(), pace).await;
    server.create("r", "sword", 1).await;
    let requests = receiver.until("a success", |requests| requests.len() > failures).await;
    eventually(1, async || deliveries(&server, "delivered").await).await;
    assert_eq!(deliveries(&server, outcome).await, failures as u64);
    let ids: Vec<_> = requests.iter().map(|request| request.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same id on every attempt");
    assert!(requests.iter().all(|request| request.events()[0]["type"] == "created"));
    requests
}

#[tokio::test]
async fn what_is_refused_comes_again_until_it_is_acknowledged() {
    for refusal in [500, 503, 404, 400, 401] {
        delivered_after(2, "refused", status(refusal), quick()).await;
    }
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_given_up_and_asked_again() {
    let pace = WebhookPace { attempt: Duration::from_millis(200), ..quick() };
    delivered_after(2, "timed_out", Reply::Silence, pace).await;
}

#[tokio::test]
async fn an_answer_of_ten_megabytes_is_given_up() {
    delivered_after(1, "too_large", Reply::Large(10_000_000), quick()).await;
}

#[tokio::test]
async fn an_endpoint_that_asks_to_wait_is_given_the_time() {
    let pace = || WebhookPace { longest_pause: Duration::from_secs(60), ..quick() };
    for after in ["1".to_owned(), httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3))] {
        let reply = Reply::Status(429, format!("Retry-After: {after}\r\n"));
        let requests = delivered_after(1, "refused", reply, pace()).await;
        // The date may be up to a second nearer, because it has no milliseconds.
        let waited = requests[1].at - requests[0].at;
        assert!(waited >= Duration::from_millis(1000), "{after}: {waited:?}");
    }
}

#[tokio::test]
async fn an_endpoint_cannot_ask_for_more_than_the_longest_pause() {
    let reply = Reply::Status(503, "Retry-After: 999999999999\r\n".to_owned());
    delivered_after(1, "refused", reply, quick()).await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let other = Receiver::start().await;
    for target in ["http://169.254.169.254/latest/meta-data".to_owned(), other.url()] {
        for code in [301, 302, 307, 308] {
            let reply = Reply::Status(code, format!("Location: {target}\r\n"));
            delivered_after(1, "redirected", reply, quick()).await;
        }
    }
    assert!(other.requests().is_empty());
}

/// The system's resolver takes both for 169.254.169.254, although they are no addresses as URLs have them.
#[tokio::test]
async fn a_name_that_leads_to_a_metadata_address_is_never_called() {
    for host in ["2852039166", "0xa9fea9fe"] {
        let server = server_with(&format!("http://{host}:1/hook"), quick()).await;
        server.create("r", "sword", 1).await;
        eventually(true, async || deliveries(&server, "blocked").await > 0).await;
        let said = shown(&server).await["last_failure"].to_string();
        assert!(said.contains("169.254.169.254 is never called"), "{said}");
    }
}

#[tokio::test]
async fn gone_pauses_until_an_operator_resumes() {
    let receiver = Receiver::replying(|_, _| status(410)).await;
    let server = server(&receiver).await;
    for room in 0..20 {
        server.create(&format!("r{room}"), "sword", 1).await;
    }
    eventually(json!("paused"), async || shown(&server).await["state"].clone()).await;
    let paused = shown(&server).await;
    assert!(paused["reason"].as_str().unwrap().contains("410"), "{paused}");
    assert!(paused["since"].is_u64() && paused["waiting"] == 1, "{paused}");
    select(&server, "r1", "ann").await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.requests().len(), 1, "one attempt, not one for each room");
    receiver.reply(|_, _| status(200));
    let resumed = crate::call(server.address, "POST", "/v1/webhooks/resume", "").await;
    assert!(resumed.starts_with("HTTP/1.1 200") && resumed.contains(r#""state":"active""#), "{resumed}");
    let events =
        |requests: &[Request]| requests[1..].iter().map(|request| request.events().len()).sum::<usize>();
    receiver.until("all that waited", |requests| events(requests) == 21).await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_is_paused() {
    let receiver = Receiver::replying(|_, _| status(500)).await;
    let pace = WebhookPace { give_up_after: Duration::from_millis(300), ..quick() };
    let server = server_with(&receiver.url(), pace).await;
    server.create("r", "sword", 1).await;
    eventually(json!("paused"), async || shown(&server).await["state"].clone()).await;
    let paused = shown(&server).await;
    assert!(paused["reason"].as_str().unwrap().contains("3 days"), "{paused}");
    assert!(receiver.requests().len() > 2);
}

#[tokio::test]
async fn a_failing_endpoint_shows_its_lag_and_the_node_stays_ready() {
    let receiver = Receiver::replying(|_, _| status(500)).await;
    let server = server(&receiver).await;
    server.create("r", "sword", 1).await;
    select(&server, "r", "ann").await;
    eventually(json!(2), async || shown(&server).await["waiting"].clone()).await;
    eventually(true, async || shown(&server).await["lag_seconds"].as_f64().unwrap() > 0.05).await;
    let shown = shown(&server).await;
    assert!(
        shown["failing_since"].is_u64() && shown["last_failure"].as_str().unwrap().contains("500"),
        "{shown}"
    );
    assert!(!shown.to_string().contains("hunter2"), "{shown}");
    eventually(2, async || server.metric("asset_arbiter_events_waiting").await).await;
    let ready = crate::call(server.address, "GET", "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    let metrics = crate::support::metrics(server.address).await;
    let lag = metrics.lines().find_map(|line| line.strip_prefix("asset_arbiter_webhook_lag_seconds "));
    assert!(lag.unwrap().parse::<f64>().unwrap() > 0.0);
}
