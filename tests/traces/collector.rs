//! Takes spans as a collector does, and decodes them with the messages that the server encodes with: it cannot show that another
//! implementation of OTLP reads them, only what is in them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value::Value},
    trace::v1::Span,
};
use parking_lot::Mutex;
use prost::Message;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

/// A collector, and what it has taken.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    taken: Arc<Taken>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Taken {
    spans: Mutex<Vec<Span>>,
    /// Everything that was received, heads of requests included.
    bytes: Mutex<Vec<u8>>,
    connections: Mutex<usize>,
    answer: Mutex<Answer>,
}

/// What a collector answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    #[default]
    Takes,
    /// It has no place.
    Unavailable,
    Nothing,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Taken>::default();
        let ours = Arc::clone(&taken);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *ours.connections.lock() += 1;
                tokio::spawn(serve(stream, Arc::clone(&ours)));
            }
        });
        Self { address, taken, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.taken.answer.lock() = answer;
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.taken.spans.lock().clone()
    }

    pub(crate) fn named(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.taken.connections.lock()
    }

    /// Whether these words were anywhere in what the server sent.
    pub(crate) fn has_heard(&self, words: &str) -> bool {
        let bytes = self.taken.bytes.lock();
        bytes.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

/// Serves one connection.
async fn serve(stream: TcpStream, taken: Arc<Taken>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
            let line = head[before..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf\r\n"), "{head}");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let answer = *taken.answer.lock();
        match answer {
            Answer::Takes => taken.take(&head, &body),
            Answer::Unavailable => {}
            Answer::Nothing => sleep(Duration::from_secs(600)).await,
        }
        let status = if answer == Answer::Takes { "200 OK" } else { "503 Service Unavailable" };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

impl Taken {
    fn take(&self, head: &str, body: &[u8]) {
        self.bytes.lock().extend(head.bytes().chain(body.iter().copied()));
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource in request.resource_spans {
            let named = resource.resource.unwrap().attributes;
            let named: Vec<_> = named.iter().map(|it| (it.key.as_str(), shown(it.value.as_ref()))).collect();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            assert_eq!(named, [("service.name", "asset-arbiter".to_owned()), ("service.version", version)]);
            self.spans.lock().extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
}

/// The value of a span's attribute; empty if it has none.
pub(crate) fn attribute(span: &Span, key: &str) -> String {
    span.attributes.iter().find(|it| it.key == key).map_or_else(String::new, |it| shown(it.value.as_ref()))
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("not a text nor a number: {other:?}"),
    }
}
