//! A store or a collector that is in trouble.

use std::time::{Duration, Instant};

use crate::{
    attribute, below,
    collector::{Answer, Collector},
    engines::redis,
    is_failure, join, selects,
    support::{Process, eventually, other_server},
    traced,
};

const SENT: &str = "asset_arbiter_spans_total{outcome=\"sent\"}";
const DROPPED: &str = "asset_arbiter_spans_total{outcome=\"dropped\"}";

#[tokio::test]
async fn every_select_of_a_batch_has_a_span_with_the_call_that_decided_it() {
    let Some(engine) = redis::redis() else { return };
    let (collector, redis) = (Collector::start().await, engine.start());
    let server = traced(&collector, &["--store", &redis.url(), "--auto-create", "3"]).await;
    let mut members = Vec::new();
    for n in 0..20 {
        members.push(join(&server, &format!("p{n}")).await);
    }
    members[0].selects("sword").await;
    redis.process.pause();
    for member in &mut members {
        member.select("sword", 1).await;
    }
    eventually(21, async || server.metric("asset_arbiter_messages_received_total").await).await;
    redis.process.resume();
    for member in &mut members {
        member.reply().await;
    }
    let spans = selects(&collector, 21).await;
    let players: std::collections::BTreeSet<_> =
        spans.iter().map(|span| attribute(span, "asset_arbiter.player")).collect();
    assert_eq!(players.len(), 20);
    let batches: Vec<_> = spans.iter().filter(|it| attribute(it, "asset_arbiter.batch") == "19").collect();
    assert_eq!(batches.len(), 19, "one went alone, and the others waited for it");
    let mut calls = Vec::new();
    for span in batches {
        let below = below(&collector, span);
        assert_eq!(below.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["queue", "store.select"]);
        calls.push((below[1].start_time_unix_nano / 1_000_000, below[1].span_id.clone()));
    }
    assert!(calls.iter().all(|(at, _)| at.abs_diff(calls[0].0) <= 1), "they show one call: {calls:?}");
    server.end().await;
}

#[tokio::test]
async fn a_store_that_is_gone_is_seen_attempt_by_attempt() {
    let Some(engine) = redis::redis() else { return };
    let (collector, mut redis) = (Collector::start().await, engine.start());
    let flags = ["--store", &redis.url(), "--auto-create", "1", "--select-deadline", "1s"];
    let server = traced(&collector, &flags).await;
    let mut ann = join(&server, "ann").await;
    assert!(ann.gets("sword").await);
    redis.process.kill();
    let outcome = loop {
        let answer = serde_json::to_value(ann.selects("bow").await).unwrap();
        if answer["code"] == "store_unavailable" {
            break "store_unavailable";
        }
    };
    let is_it = |span: &_| attribute(span, "asset_arbiter.outcome") == outcome;
    eventually(true, async || collector.named("select_asset").iter().any(is_it)).await;
    let span = collector.named("select_asset").into_iter().find(is_it).unwrap();
    assert!(is_failure(&span), "{span:?}");
    let attempts: Vec<_> =
        below(&collector, &span).into_iter().filter(|it| it.name == "store.select").collect();
    assert!(attempts.len() > 1, "{attempts:?}");
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attribute(attempt, "asset_arbiter.attempt"), number.to_string());
        assert!(is_failure(attempt) && !attribute(attempt, "error.type").is_empty(), "{attempt:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nothing_but_spans() {
    let away = other_server(b"").await;
    let server = Process::start(&["--otlp-endpoint", &format!("http://{away}"), "--asset", "sword=1"]).await;
    plays_as_ever(&server).await;
    server.will_log("the collector takes no spans").await;
    assert!(server.metric(DROPPED).await > 0);
    assert_eq!(server.count_logged("the collector takes no spans"), 1, "one line a minute");
    server.terminate().await;
    let since = Instant::now();
    assert_eq!(server.ended().await.code, Some(0));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

/// More selects than wait for a collector.
async fn plays_as_ever(server: &Process) {
    let mut ann = join(server, "ann").await;
    for _ in 0..100 {
        for _ in 0..60 {
            ann.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
        }
        ann.flush().await;
        for _ in 0..60 {
            ann.reply().await;
        }
    }
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_comes_then() {
    let collector = Collector::start().await;
    collector.answers(Answer::Unavailable);
    let server = traced(&collector, &["--asset", "sword=1"]).await;
    let mut ann = join(&server, "ann").await;
    ann.selects("sword").await;
    server.will_log("it answers 503").await;
    eventually(3, async || server.metric(DROPPED).await).await;
    collector.answers(Answer::Takes);
    ann.selects("sword").await;
    selects(&collector, 1).await;
    eventually(3, async || server.metric(SENT).await).await;
    server.end().await;
}

#[tokio::test]
async fn a_collector_that_hangs_does_not_hold_up_the_end() {
    let collector = Collector::start().await;
    collector.answers(Answer::Nothing);
    let server = traced(&collector, &["--asset", "sword=1"]).await;
    let mut ann = join(&server, "ann").await;
    ann.selects("sword").await;
    let since = Instant::now();
    server.terminate().await;
    ann.closed().await;
    let ended = server.ended().await;
    assert_eq!(ended.code, Some(0));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert!(ended.log.contains("did not take the last ones in time"), "{}", ended.log);
}
