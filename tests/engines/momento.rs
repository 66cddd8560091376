//! A FAKE, not Momento: it cannot show replication, eviction, failover, TLS, real limits, permissions, prices or speed.
//!
//! It speaks the vendor's own protocol (the server stubs of `momento-protos`) and does what the driver uses, each request
//! as one step: get, get_batch, set_if, and sets of names; everything has a time to live. As with Momento, a read that does
//! not ask to be consistent sees what was there a moment ago. What the driver must not do, such as to delete an item
//! beside conditional writes, it does not know. Requests meet faults by plan.

mod cache;
mod plan;
mod service;

use std::{collections::HashMap, net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use momento_protos::cache_client::scs_server::ScsServer;
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::AbortHandle};
use tonic::transport::{Server, server::TcpIncoming};

use self::cache::Cache;
pub use self::plan::Fault;
use super::faults::Faults;

/// The name of the only cache there is.
pub const CACHE: &str = "game";

/// A cache of its own on a free port; gone when dropped.
pub struct Momento {
    pub address: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    /// The only key that is let in; any if there is none.
    key: Option<&'static str>,
    cache: Mutex<Cache>,
    faults: Arc<Faults<Fault>>,
    meters: Mutex<Meters>,
}

#[derive(Default)]
struct Meters {
    requests: HashMap<&'static str, u64>,
    /// As Momento's limits count them.
    operations: u64,
}

impl Momento {
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// One that lets in nobody but who has this key.
    pub async fn start_locked(key: &'static str) -> Self {
        Self::start_with(Some(key)).await
    }

    async fn start_with(key: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faults = Arc::new(Faults::new(plan::rough));
        let state = Arc::new(State { key, cache: Mutex::default(), faults, meters: Mutex::default() });
        let service = ScsServer::new(service::Service(Arc::clone(&state)));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let task = tokio::spawn(async move {
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, state, task: task.abort_handle() }
    }

    pub fn url(&self) -> String {
        url(CACHE, self.address)
    }

    /// How many requests of this kind there were.
    pub fn requests(&self, kind: &str) -> u64 {
        self.state.meters.lock().requests.get(kind).copied().unwrap_or_default()
    }

    /// Operations so far, as Momento's limits count them.
    pub fn operations(&self) -> u64 {
        self.state.meters.lock().operations
    }

    /// Every key, and how long it will live; but for what a ping writes.
    pub fn left(&self) -> Vec<(String, Duration)> {
        let mut left = self.state.cache.lock().left();
        left.retain(|(key, _)| !key.ends_with("/ping") && !key.ends_with("/pings"));
        left
    }

    /// The names in a set.
    pub fn names(&self, set: &str) -> Vec<String> {
        self.state.cache.lock().names(set.as_bytes())
    }

    /// Bytes of the largest item.
    pub fn largest(&self) -> usize {
        self.state.cache.lock().largest()
    }

    /// Loses what lies under a key, as an eviction would.
    pub fn evict(&self, key: &str) {
        self.state.cache.lock().evict(key.as_bytes());
    }

    /// Puts something odd under a key.
    pub fn spoil(&self, key: &str, value: &[u8]) {
        self.state.cache.lock().spoil(key.as_bytes(), value);
    }
}

impl Deref for Momento {
    type Target = Faults<Fault>;

    fn deref(&self) -> &Faults<Fault> {
        &self.state.faults
    }
}

impl Drop for Momento {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn url(cache: &str, address: SocketAddr) -> String {
    format!("momento://{cache}?endpoint=http://{address}")
}
