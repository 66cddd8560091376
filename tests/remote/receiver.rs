//! A game's own backend: it receives the webhook, and fails as it is told.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use asset_arbiter::model::{EventKind, ShownEvent};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use parking_lot::Mutex;
use ring::hmac;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::table::{Holder, Holders, Table};
use crate::support;

/// By how many seconds a signature's time may be off.
const TOLERANCE: u64 = 300;

/// How long a request takes it, as if it had a database.
const AT_WORK: Duration = Duration::from_millis(5);

const SECRET: &[u8] = b"a-secret-of-thirty-two-bytes-...";

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Cuts each new connection, and refuses what comes on an open one.
    Down,
    /// Every third request gets 500: half of those are written nevertheless, as if it had crashed before it answered.
    Shaky,
    Fine,
}

/// Listens from its start to its end.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    mode: Mutex<Mode>,
    table: Mutex<Table>,
    requests: AtomicU64,
    refused: AtomicU64,
    /// The node that is asked for holders.
    node: Mutex<Option<SocketAddr>>,
    secrets: TempDir,
}

#[derive(Deserialize)]
struct Batch {
    events: Vec<ShownEvent>,
}

impl Receiver {
    pub async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let secrets = TempDir::new().unwrap();
        let file = secrets.path().join("secrets");
        std::fs::write(&file, format!("whsec_{}\n", BASE64.encode(SECRET))).unwrap();
        make_private(&file);
        let state = Arc::new(State {
            mode: Mutex::new(mode),
            table: Mutex::default(),
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            node: Mutex::new(None),
            secrets,
        });
        let receiver = Self { address, state };
        tokio::spawn(receiver.clone().serve(listener));
        receiver
    }

    /// What a server is started with to deliver here.
    pub fn flags(&self) -> [String; 4] {
        let file = self.state.secrets.path().join("secrets");
        let url = format!("http://{}/webhook", self.address);
        ["--webhook".to_owned(), url, "--webhook-secret-file".to_owned(), file.display().to_string()]
    }

    pub fn set(&self, mode: Mode) {
        *self.state.mode.lock() = mode;
    }

    /// Whom it asks for holders.
    pub fn ask(&self, node: SocketAddr) {
        *self.state.node.lock() = Some(node);
    }

    /// Requests that were answered, and those of them that were refused.
    pub fn requests(&self) -> (u64, u64) {
        (self.state.requests.load(Relaxed), self.state.refused.load(Relaxed))
    }

    pub fn look<T>(&self, look: impl FnOnce(&Table) -> T) -> T {
        look(&self.state.table.lock())
    }

    /// Hands connections to the router, unless it is down.
    async fn serve(self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            if *self.state.mode.lock() != Mode::Down {
                tokio::spawn(self.clone().talk(stream));
            }
        }
    }

    async fn talk(self, stream: TcpStream) {
        let receive = move |headers: HeaderMap, body: Bytes| self.clone().receive(headers, body);
        let router = Router::new().route("/webhook", post(receive));
        let service = hyper_util::service::TowerToHyperService::new(router);
        let stream = hyper_util::rt::TokioIo::new(stream);
        // A sender that was killed is no error of ours.
        drop(hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await);
    }

    async fn receive(self, headers: HeaderMap, body: Bytes) -> StatusCode {
        let mode = *self.state.mode.lock();
        if mode == Mode::Down {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let number = self.state.requests.fetch_add(1, Relaxed);
        let refusal = (mode == Mode::Shaky && number % 3 == 2).then_some(number % 2);
        if let Err(fault) = verify(&headers, &body) {
            self.state.table.lock().fault(fault);
            return StatusCode::UNAUTHORIZED;
        }
        if refusal == Some(0) {
            self.state.refused.fetch_add(1, Relaxed);
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let batch: Batch = serde_json::from_slice(&body).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let under_way = UnderWay::begin(&self.state, batch.events[0].room.to_string());
        sleep(AT_WORK).await;
        let Some(holders) = self.holders_of_merged(&batch.events).await else {
            return StatusCode::SERVICE_UNAVAILABLE;
        };
        self.state.table.lock().write(id, batch.events, &holders);
        drop(under_way);
        if refusal == Some(1) {
            self.state.refused.fetch_add(1, Relaxed);
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        StatusCode::NO_CONTENT
    }

    /// `None`: they cannot be had now.
    async fn holders_of_merged(&self, events: &[ShownEvent]) -> Option<Holders> {
        let mut found = Holders::new();
        let node = *self.state.node.lock();
        for event in events.iter().filter(|event| event.kind == EventKind::Compacted) {
            found.insert(event.id.clone(), holders(node?, event.room.as_str(), event.asset.as_str()).await?);
        }
        Some(found)
    }
}

/// A request of a room that is under way, also until its sender is killed.
struct UnderWay {
    state: Arc<State>,
    room: String,
}

impl UnderWay {
    fn begin(state: &Arc<State>, room: String) -> Self {
        state.table.lock().begin(&room);
        Self { state: Arc::clone(state), room }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.state.table.lock().end(&self.room);
    }
}

/// Everyone who holds an asset, page by page; `None` if the node does not answer.
pub async fn holders(node: SocketAddr, room: &str, asset: &str) -> Option<Vec<Holder>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        drop(TcpStream::connect(node).await.ok()?);
        let path = format!("/v1/rooms/{room}/assets/{asset}/holders?after={after}");
        let answer = support::get(node, &path).await;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        if !head.starts_with("HTTP/1.1 200") {
            return head.starts_with("HTTP/1.1 404").then_some(all);
        }
        let mut page: Value = serde_json::from_str(body).unwrap();
        all.extend(serde_json::from_value::<Vec<Holder>>(page["holders"].take()).unwrap());
        match page["next_after"].as_u64() {
            Some(next) => after = next,
            None => return Some(all),
        }
    }
}

/// The signature of Standard Webhooks, over the bytes as they came.
fn verify(headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| format!("a request without {name}"))
    };
    let (id, at) = (header("webhook-id")?, header("webhook-timestamp")?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    if at.parse::<u64>().map_or(true, |at| at.abs_diff(now) > TOLERANCE) {
        return Err(format!("a request of {at:?}, now is {now}"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signed = [format!("{id}.{at}.").as_bytes(), body].concat();
    let expected = format!("v1,{}", BASE64.encode(hmac::sign(&key, &signed)));
    let is_signed = header("webhook-signature")?.split(' ').any(|given| given == expected);
    is_signed.then_some(()).ok_or_else(|| format!("a signature that does not fit {id}"))
}

/// As a server wants its secret files.
fn make_private(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}
