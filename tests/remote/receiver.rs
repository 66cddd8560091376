//! A game's own backend: it receives the webhook, keeps a table keyed as documented, and finds fault with all that is not as
//! documented.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{SystemTime, UNIX_EPOCH},
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
use tokio::net::{TcpListener, TcpStream};

use crate::support;

/// The most events of one request.
const MOST_EVENTS: usize = 100;

/// By how many seconds a signature's time may be off.
const TOLERANCE: u64 = 300;

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

/// What it wrote down. Of a room, an asset.
#[derive(Debug, Default)]
pub struct Table {
    assets: BTreeMap<(String, String), Asset>,
    /// The events of each `webhook-id`.
    messages: HashMap<String, Vec<String>>,
    /// Rooms of which a request is under way.
    under_way: BTreeSet<String>,
    /// Events that came again.
    pub repeats: usize,
    faults: Vec<String>,
}

/// What it knows of an asset.
#[derive(Debug, Default)]
struct Asset {
    /// By origin and revision.
    events: BTreeMap<(String, u64), ShownEvent>,
    /// Who holds it for good.
    inventory: BTreeSet<String>,
    /// Who holds it until a confirmation.
    holds: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Batch {
    events: Vec<ShownEvent>,
}

/// The holders of the asset of a merged event.
type Holders = HashMap<String, Vec<Holder>>;

/// A holder as the server shows it.
#[derive(Debug, Deserialize)]
pub struct Holder {
    player: String,
    revision: u64,
    #[serde(default)]
    hold: bool,
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
            self.state.table.lock().faults.push(fault);
            return StatusCode::UNAUTHORIZED;
        }
        if refusal == Some(0) {
            self.state.refused.fetch_add(1, Relaxed);
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let batch: Batch = serde_json::from_slice(&body).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let room = batch.events[0].room.to_string();
        if !self.state.table.lock().under_way.insert(room.clone()) {
            self.state.table.lock().faults.push(format!("two requests of {room} at once"));
        }
        let holders = self.holders_of_merged(&batch.events).await;
        let mut table = self.state.table.lock();
        table.under_way.remove(&room);
        let Some(holders) = holders else { return StatusCode::SERVICE_UNAVAILABLE };
        table.write(id, batch.events, &holders);
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

impl Table {
    /// One transaction.
    fn write(&mut self, id: String, events: Vec<ShownEvent>, holders: &Holders) {
        let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
        let known = self.messages.entry(id).or_insert_with(|| ids.clone());
        if *known != ids {
            self.faults.push(format!("one webhook-id for {known:?} and {ids:?}"));
        }
        let rooms: BTreeSet<_> = events.iter().map(|event| event.room.to_string()).collect();
        if rooms.len() != 1 || events.len() > MOST_EVENTS {
            self.faults.push(format!("{} events of {rooms:?} in one request", events.len()));
        }
        for event in events {
            let name = (event.room.to_string(), event.asset.to_string());
            let asset = self.assets.entry(name).or_default();
            let none = Vec::new();
            match asset.write(&event, holders.get(&event.id).unwrap_or(&none)) {
                Ok(is_new) => self.repeats += usize::from(!is_new),
                Err(fault) => self.faults.push(format!("{fault}: {event:?}")),
            }
        }
    }

    /// Everything that was not as documented.
    pub fn assert_faultless(&self) {
        let faults = &self.faults;
        assert!(
            faults.is_empty(),
            "{} faults, the first of them: {:#?}",
            faults.len(),
            &faults[..faults.len().min(5)]
        );
    }

    /// How many different events there were, of a kind or of all.
    pub fn count(&self, kind: Option<EventKind>) -> usize {
        let events = self.assets.values().flat_map(|asset| asset.events.values());
        events.filter(|event| kind.is_none_or(|kind| event.kind == kind)).count()
    }

    /// Kinds of an asset's events, in order.
    pub fn kinds(&self, room: &str, asset: &str) -> Vec<EventKind> {
        let asset = self.assets.get(&(room.to_owned(), asset.to_owned()));
        asset.into_iter().flat_map(|asset| asset.events.values().map(|event| event.kind)).collect()
    }

    /// The revision of the newest event of an asset.
    pub fn revision(&self, room: &str, asset: &str) -> Option<u64> {
        let asset = self.assets.get(&(room.to_owned(), asset.to_owned()))?;
        asset.events.last_key_value().map(|((_, revision), _)| *revision)
    }

    /// Whether who holds an asset is who the server says.
    pub fn agrees(&self, room: &str, asset: &str, holders: &[Holder]) -> Result<(), String> {
        let nothing = Asset::default();
        let known = self.assets.get(&(room.to_owned(), asset.to_owned())).unwrap_or(&nothing);
        let of = |hold: bool| -> BTreeSet<_> {
            holders.iter().filter(|one| one.hold == hold).map(|one| one.player.clone()).collect()
        };
        let (inventory, holds) = (of(false), of(true));
        let agrees = inventory == known.inventory && holds == known.holds;
        agrees.then_some(()).ok_or_else(|| {
            let Asset { inventory: ours, holds: our_holds, .. } = known;
            format!("{room}/{asset}: {ours:?} and holds of {our_holds:?}, not {inventory:?} and {holds:?}")
        })
    }
}

impl Asset {
    /// Whether the event is new.
    fn write(&mut self, event: &ShownEvent, holders: &[Holder]) -> Result<bool, String> {
        let key = (event.origin.clone(), event.revision);
        if let Some(known) = self.events.get(&key) {
            // Merged since, with others that came before.
            let is_same = known == event || event.kind == EventKind::Compacted;
            return is_same.then_some(false).ok_or_else(|| format!("it was {known:?} at first"));
        }
        self.follows(event)?;
        self.events.insert(key, event.clone());
        self.apply(event, holders)?;
        Ok(true)
    }

    /// The players of these tests extend no grant, so each revision is an event.
    fn follows(&self, event: &ShownEvent) -> Result<(), String> {
        let first = event.first_revision.unwrap_or(event.revision);
        let last = self.events.last_key_value().map(|((origin, revision), _)| (origin, *revision));
        let (expected, last) = match last {
            Some((origin, last)) if *origin == event.origin => (last + 1, Some(last)),
            Some((origin, _)) if *origin > event.origin => return Err(format!("after one of {origin}")),
            _ => (0, None),
        };
        let is_next = if event.kind == EventKind::Compacted { first <= expected } else { first == expected };
        is_next.then_some(()).ok_or_else(|| format!("after {last:?} of the same origin"))
    }

    fn apply(&mut self, event: &ShownEvent, holders: &[Holder]) -> Result<(), String> {
        let player = event.player.as_ref().map(ToString::to_string).unwrap_or_default();
        let holds_it = self.inventory.contains(&player) || self.holds.contains(&player);
        // Holders are read later than the last event that was merged, so later events may have happened already.
        let is_exact = self.events.values().all(|event| event.kind != EventKind::Compacted);
        match event.kind {
            EventKind::Granted | EventKind::Released
                if is_exact && holds_it != (event.kind == EventKind::Released) =>
            {
                return Err("given to who has it, or taken from who has not".to_owned());
            }
            EventKind::Granted if event.hold => drop(self.holds.insert(player)),
            EventKind::Granted => drop(self.inventory.insert(player)),
            EventKind::Confirmed if !self.holds.remove(&player) && is_exact => {
                return Err("there was no hold".to_owned());
            }
            EventKind::Confirmed => drop(self.inventory.insert(player)),
            EventKind::Released => drop((self.inventory.remove(&player), self.holds.remove(&player))),
            EventKind::Restocked => {}
            EventKind::Created | EventKind::Reset | EventKind::Removed | EventKind::Compacted => {
                self.inventory.clear();
                self.holds.clear();
            }
        }
        for Holder { player, hold, .. } in holders.iter().filter(|one| one.revision <= event.revision) {
            let of_kind = if *hold { &mut self.holds } else { &mut self.inventory };
            of_kind.insert(player.clone());
        }
        Ok(())
    }
}
