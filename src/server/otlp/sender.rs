//! Takes spans from the queue and posts them in batches. A batch is tried once, because spans are worth less than the memory in
//! which they would wait for a collector that is away.

use std::{error::Error, time::Duration};

use axum::http::{Request, Uri, header, uri::Scheme};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::Connect},
    rt::TokioExecutor,
};
use metrics::Counter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustls::crypto::ring;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::span::{self, Spans};
use crate::{
    model::{
        LogThrottle,
        limits::{COLLECTOR_ANSWER_BYTES, TRACES_IN_A_BATCH},
        one_line,
    },
    server::OtlpEndpoint,
};

/// How long the first select of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// The timeout of one request. Meanwhile the queue fills.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Sender {
    waiting: mpsc::Receiver<Spans>,
    endpoint: OtlpEndpoint,
    sent: Counter,
    dropped: Counter,
    stop: CancellationToken,
    warnings: LogThrottle,
}

impl Sender {
    pub(super) fn new(
        waiting: mpsc::Receiver<Spans>,
        endpoint: OtlpEndpoint,
        (sent, dropped): (Counter, Counter),
        stop: CancellationToken,
    ) -> Self {
        Self { waiting, endpoint, sent, dropped, stop, warnings: LogThrottle::each_minute() }
    }

    /// Starts the task that sends, until it is stopped.
    ///
    /// # Errors
    /// There are no root certificates.
    pub(super) fn spawn(self) -> Result<JoinHandle<()>, String> {
        let builder = Client::builder(TokioExecutor::new());
        if self.endpoint.uri().scheme() == Some(&Scheme::HTTP) {
            return Ok(tokio::spawn(self.run(builder.build_http())));
        }
        let https = HttpsConnectorBuilder::new().with_provider_and_native_roots(ring::default_provider());
        let https =
            https.map_err(|error| format!("cannot use --otlp-endpoint: no root certificates: {error}"))?;
        Ok(tokio::spawn(self.run(builder.build(https.https_only().enable_http1().build()))))
    }

    async fn run<C>(mut self, client: Client<C, Full<Bytes>>)
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        while let Some(spans) = self.gather().await {
            let count = spans.len() as u64;
            let answer = timeout(ANSWERED_WITHIN, post(&client, self.endpoint.uri(), spans)).await;
            match answer.unwrap_or_else(|_| Err(format!("no answer within {ANSWERED_WITHIN:?}"))) {
                Ok(()) => self.sent.increment(count),
                Err(why) => {
                    self.dropped.increment(count);
                    if let Some(held_back) = self.warnings.due() {
                        let endpoint = &self.endpoint;
                        tracing::warn!(%endpoint, why, held_back, "the collector takes no spans; they are dropped");
                    }
                }
            }
        }
    }

    /// The spans of the next selects. `None`: stopped, and none are left.
    async fn gather(&mut self) -> Option<Spans> {
        let (stop, mut selects) = (self.stop.clone(), Vec::new());
        let gathered = async {
            self.waiting.recv_many(&mut selects, TRACES_IN_A_BATCH).await;
            let _ = timeout(GATHER, fill(&mut self.waiting, &mut selects)).await;
        };
        if stop.run_until_cancelled(gathered).await.is_none() {
            self.waiting.close();
            fill(&mut self.waiting, &mut selects).await;
        }
        (!selects.is_empty()).then(|| selects.into_iter().flatten().collect())
    }
}

/// Receives until a batch is full, or the queue is closed and empty.
async fn fill(waiting: &mut mpsc::Receiver<Spans>, selects: &mut Vec<Spans>) {
    while selects.len() < TRACES_IN_A_BATCH {
        let places = TRACES_IN_A_BATCH - selects.len();
        if waiting.recv_many(selects, places).await == 0 {
            return;
        }
    }
}

/// # Errors
/// One line that says why the collector did not take them.
async fn post<C>(client: &Client<C, Full<Bytes>>, uri: &Uri, spans: Spans) -> Result<(), String>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let body = ExportTraceServiceRequest { resource_spans: vec![span::of_this_server(spans)] };
    let request = Request::post(uri).header(header::CONTENT_TYPE, "application/x-protobuf");
    let request = request.body(Full::from(body.encode_to_vec())).map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| chain(&error))?;
    let status = response.status();
    // Read, so that the connection is kept.
    let body = Limited::new(response.into_body(), COLLECTOR_ANSWER_BYTES).collect().await;
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    body.map(drop).map_err(|error| chain(&*error))
}

/// An error with its sources: hyper's own text says little.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    one_line(&text)
}
