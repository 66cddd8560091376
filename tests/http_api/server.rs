//! A server of one's own, and the smallest client that can also misbehave.

use std::{ops::Deref, sync::Arc, time::Duration};

use asset_arbiter::{arbiter::Config, server::Settings, store::Store};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use crate::support::{self, Setup, eventually, soon, spec};

pub(crate) struct Server(support::Server);

impl Deref for Server {
    type Target = support::Server;

    fn deref(&self) -> &support::Server {
        &self.0
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::set_up(|_| {}).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::set_up(|setup| setup.settings = settings).await
    }

    /// With other rules.
    pub(crate) async fn configured(adjust: impl FnOnce(&mut Config)) -> Self {
        Self::set_up(|setup| adjust(&mut setup.config)).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>) -> Self {
        Self::set_up(|setup| setup.inner = Some(store)).await
    }

    pub(crate) async fn set_up(adjust: impl FnOnce(&mut Setup)) -> Self {
        let server = support::Server::with(|setup| {
            setup.config.select_deadline = Duration::from_millis(300);
            adjust(setup);
        });
        Self(server.await)
    }

    /// With an asset `sword` in the room `r`.
    pub(crate) async fn with_asset(units: u32) -> Self {
        let server = Self::start().await;
        let body = format!(r#"{{"units":{units}}}"#);
        assert_eq!(server.call("PUT", "/v1/rooms/r/assets/sword", &body).await.status, 201);
        server
    }

    /// Tells it to stop; the task that is left ends when it has drained.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.0.stop()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(self) {
        self.0.ended().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    /// Waits until it is ready, and has a place for whoever asks.
    pub(crate) async fn gets_ready(&self) {
        eventually(200, || async { self.get("/readyz").await.status }).await;
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.call_with(method, path, body, "").await
    }

    /// With more header lines, each ended by `\r\n`.
    pub(crate) async fn call_with(&self, method: &str, path: &str, body: &str, headers: &str) -> Answer {
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address
        ))
        .await
    }

    pub(crate) async fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = Answer::read(&mut stream).await;
        spec::check_answer(request.as_bytes(), &format!("{}\r\n\r\n{}", answer.head, answer.body));
        answer
    }
}

impl Answer {
    /// Reads until the server closes.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        soon("an answer", stream.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// Status and code, once it is known to be exactly `{"code","message"}`.
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        let fields = body.as_object().unwrap();
        assert_eq!(fields.len(), 2, "{body}");
        assert!(!fields["message"].as_str().unwrap().is_empty());
        assert_eq!(self.header("content-type"), Some("application/json"));
        (self.status, fields["code"].as_str().unwrap().to_owned())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}
