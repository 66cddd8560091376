//! A select as spans of OTLP: one for the whole, one for its wait in the queue, one for each attempt of a store call.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use tokio::time::Instant;

use crate::{
    arbiter::{Attempt, SelectSpan},
    model::{TraceParent, build::VERSION},
};

/// The spans of one select.
pub(super) type Spans = Vec<Span>;

/// How many spans a select has.
pub(super) fn count(select: &SelectSpan<'_>) -> usize {
    1 + usize::from(select.unqueued.is_some()) + select.attempts.len()
}

pub(super) fn of_select(select: &SelectSpan<'_>) -> Spans {
    let clock = Clock::now();
    let parent = select.parent;
    let trace_id = parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace_id);
    let whole = TraceParent { trace_id, span_id: fastrand::u64(1..), is_sampled: true };
    let mut spans = Vec::with_capacity(count(select));
    spans.push(Span {
        attributes: vec![
            text("asset_arbiter.room", select.room.as_str()),
            text("asset_arbiter.asset", select.asset.as_str()),
            text("asset_arbiter.player", select.player.as_str()),
            text("asset_arbiter.outcome", select.outcome),
            number("asset_arbiter.batch", select.batch),
        ],
        span_id: whole.span_id.to_be_bytes().to_vec(),
        status: status(failure(select.outcome)),
        ..child("select_asset", SpanKind::Server, parent, trace_id, clock.unix(select.received, select.replied))
    });
    if let Some(unqueued) = select.unqueued {
        let times = clock.unix(select.received, unqueued);
        spans.push(child("queue", SpanKind::Internal, Some(whole), trace_id, times));
    }
    for (attempt, number_of) in select.attempts.iter().zip(1..) {
        spans.push(of_attempt(attempt, number_of, whole, &clock));
    }
    spans
}

fn of_attempt(attempt: &Attempt, number_of: usize, whole: TraceParent, clock: &Clock) -> Span {
    let mut attributes = vec![number("asset_arbiter.attempt", number_of)];
    attributes.extend(attempt.error.map(|error| text("error.type", error)));
    let times = clock.unix(attempt.begin, attempt.end);
    let span = child("store.select", SpanKind::Client, Some(whole), whole.trace_id, times);
    Span { attributes, status: status(attempt.error), ..span }
}

/// A span with a new id below `parent`.
fn child(
    name: &str,
    kind: SpanKind,
    parent: Option<TraceParent>,
    trace_id: u128,
    (begin, end): (u64, u64),
) -> Span {
    Span {
        trace_id: trace_id.to_be_bytes().to_vec(),
        span_id: fastrand::u64(1..).to_be_bytes().to_vec(),
        parent_span_id: parent.map(|parent| parent.span_id.to_be_bytes().to_vec()).unwrap_or_default(),
        name: name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: begin,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

/// The outcomes that are the server's failure. A denial is an answer.
fn failure(outcome: &'static str) -> Option<&'static str> {
    matches!(outcome, "store_unavailable" | "outcome_unknown").then_some(outcome)
}

fn status(error: Option<&'static str>) -> Option<Status> {
    error.map(|error| Status { code: StatusCode::Error.into(), message: error.to_owned() })
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: usize) -> KeyValue {
    attribute(key, Value::IntValue(value as i64))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Spans of this server, as a collector takes them.
pub(super) fn of_this_server(spans: Spans) -> ResourceSpans {
    let attributes = vec![text("service.name", "asset-arbiter"), text("service.version", VERSION)];
    let scope = InstrumentationScope {
        name: "asset-arbiter".to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    };
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

/// Brings moments of this process to Unix time.
struct Clock {
    moment: Instant,
    unix: Duration,
}

impl Clock {
    fn now() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { moment: Instant::now(), unix }
    }

    /// Nanoseconds of Unix time. No moment is later than `now`.
    fn unix(&self, begin: Instant, end: Instant) -> (u64, u64) {
        let nanos = |it: Instant| {
            let unix = self.unix.saturating_sub(self.moment.saturating_duration_since(it));
            u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX)
        };
        (nanos(begin), nanos(end))
    }
}
