//! Traces: what a collector gets to know of selects, and what a collector that is away costs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod collector;
#[path = "../engines/mod.rs"]
mod engines;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod trouble;

use collector::{Collector, attribute};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use support::{Client, Process, Socket, ask, eventually};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A server that traces all selects.
async fn traced(collector: &Collector, flags: &[&str]) -> Process {
    Process::start(&[&["--otlp-endpoint", &collector.url()], flags].concat()).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{TRACE}-{PARENT}-{flags}\r\n")
}

/// Selects over HTTP with more header lines.
async fn post(server: &Process, player: &str, headers: &str) -> String {
    let body = format!(r#"{{"player":"{player}"}}"#);
    let head = "POST /v1/rooms/r/assets/potion/select HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\n";
    let request = format!("{head}{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    ask(server.address, request).await
}

/// Waits for so many selects.
async fn selects(collector: &Collector, count: usize) -> Vec<Span> {
    eventually(count, async || collector.named("select_asset").len()).await;
    collector.named("select_asset")
}

/// The spans below another.
fn below(collector: &Collector, span: &Span) -> Vec<Span> {
    collector.spans().into_iter().filter(|it| it.parent_span_id == span.span_id).collect()
}

#[tokio::test]
async fn a_select_is_a_span_with_its_wait_and_its_store_call_below() {
    let collector = Collector::start().await;
    let server = traced(&collector, &[]).await;
    let mut ann = server.join("ann").await;
    assert!(ann.gets("sword").await);
    let span = selects(&collector, 1).await.remove(0);
    let expected =
        [("room", "r"), ("asset", "sword"), ("player", "ann"), ("outcome", "granted"), ("batch", "1")];
    for (key, value) in expected {
        assert_eq!(attribute(&span, &format!("asset_arbiter.{key}")), value, "{key}");
    }
    assert_eq!((span.kind(), span.status.is_none()), (SpanKind::Server, true));
    assert!(span.parent_span_id.is_empty() && span.trace_id.len() == 16 && span.span_id.len() == 8, "{span:?}");

    let below = below(&collector, &span);
    let names: Vec<_> = below.iter().map(|span| (span.name.as_str(), span.kind())).collect();
    assert_eq!(names, [("queue", SpanKind::Internal), ("store.select", SpanKind::Client)]);
    for child in &below {
        assert_eq!(child.trace_id, span.trace_id);
        assert!(child.start_time_unix_nano >= span.start_time_unix_nano, "{child:?} in {span:?}");
        assert!(child.end_time_unix_nano <= span.end_time_unix_nano, "{child:?} in {span:?}");
        assert!(child.start_time_unix_nano <= child.end_time_unix_nano, "{child:?}");
    }
    assert_eq!(attribute(&below[1], "asset_arbiter.attempt"), "1");
    server.end().await;
}

#[tokio::test]
async fn a_request_and_a_socket_belong_to_the_trace_of_their_caller() {
    let collector = Collector::start().await;
    let server = traced(&collector, &[]).await;
    post(&server, "ann", &traceparent("01")).await;
    let socket = Socket::open_with(server.address, "r/ws?player=bob", &traceparent("01")).await;
    let mut bob = socket.welcomed().await;
    bob.selects("sword").await;
    bob.selects("sword").await;
    for span in selects(&collector, 3).await {
        assert_eq!(
            (hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()),
            (TRACE, PARENT),
            "{span:?}"
        );
    }
    let ids: std::collections::BTreeSet<_> = collector.spans().into_iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), collector.spans().len(), "each span has an id of its own");
    server.end().await;
}

#[tokio::test]
async fn the_callers_decision_counts_and_else_the_share_of_the_flag() {
    let collector = Collector::start().await;
    let server = traced(&collector, &["--otlp-sample", "0"]).await;
    post(&server, "ann", "").await;
    post(&server, "bob", &traceparent("00")).await;
    post(&server, "cid", "traceparent: 00-nonsense-01\r\n").await;
    post(&server, "dan", &traceparent("01").repeat(2)).await;
    post(&server, "eve", &traceparent("01")).await;
    server.end().await;
    let players: Vec<_> =
        selects(&collector, 1).await.iter().map(|it| attribute(it, "asset_arbiter.player")).collect();
    assert_eq!(players, ["eve"]);
}

#[tokio::test]
async fn every_outcome_is_named_and_only_the_servers_failures_are_errors() {
    let collector = Collector::start().await;
    let server = traced(&collector, &["--asset", "sword=1", "--sold-out-ttl", "1h"]).await;
    let (mut ann, mut bob) = (server.join("ann").await, server.join("bob").await);
    for _ in 0..2 {
        ann.selects("sword").await;
    }
    for asset in ["sword", "sword", "bow"] {
        bob.selects(asset).await;
    }
    let spans = selects(&collector, 5).await;
    let outcomes: Vec<_> = spans.iter().map(|span| attribute(span, "asset_arbiter.outcome")).collect();
    assert_eq!(outcomes, ["granted", "already_held", "sold_out", "sold_out", "unknown_asset"]);
    assert!(spans.iter().all(|span| span.status.is_none()), "{spans:?}");
    server.end().await;
}

#[tokio::test]
async fn what_was_selected_before_the_end_is_sent_before_the_end() {
    let collector = Collector::start().await;
    let server = traced(&collector, &["--asset", "sword=1"]).await;
    let mut ann = server.join("ann").await;
    for _ in 0..1000 {
        ann.enqueue(r#"{"type":"select_asset","asset":"sword"}"#).await;
    }
    ann.flush().await;
    server.terminate().await;
    ann.closed().await;
    assert_eq!(server.ended().await.code, Some(0));
    assert_eq!(collector.named("select_asset").len(), 1000);
    assert_eq!(collector.connections(), 1, "one connection carries all");
}

#[tokio::test]
async fn without_the_flag_nothing_is_sent_and_the_metric_is_absent() {
    let server = Process::start(&[]).await;
    let mut ann = server.join("ann").await;
    assert!(ann.gets("sword").await);
    assert!(!server.get("/metrics").await.contains("asset_arbiter_spans_total{"));
    server.end().await;
}

/// A failure of the server, as the status of a span says it.
fn is_failure(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// A client of a server.
async fn join(server: &Process, player: &str) -> Client {
    server.join(player).await
}
