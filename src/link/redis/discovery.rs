//! Discovers the slot owners from a cluster's nodes, or the primary from sentinels.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use redis::{Cmd, Value};
use tokio::{sync::Notify, time::timeout};

use super::{
    Address,
    client::{Client, Wait},
    connector::Connector,
    error::{Away, RedisError},
    slot::SLOTS,
};

/// The last slot of each range, with the server that owns the range.
pub(crate) type Ranges = BTreeMap<u16, Arc<Client>>;

/// The clients of all connected servers.
pub(crate) struct Clients {
    open: Mutex<HashMap<Address, Arc<Client>>>,
    connector: Arc<Connector>,
    wait: Option<Wait>,
    news: Arc<Notify>,
}

impl Clients {
    /// Starts without clients. `news` is notified when a connection changes.
    pub(crate) fn new(connector: Connector, wait: Option<Wait>, news: Arc<Notify>) -> Self {
        Self { open: Mutex::default(), connector: Arc::new(connector), wait, news }
    }

    /// The client of an address, created if necessary.
    pub(crate) fn get(&self, address: &Address) -> Arc<Client> {
        let make = || {
            let (connector, news) = (Arc::clone(&self.connector), Arc::clone(&self.news));
            Arc::new(Client::open(address.clone(), connector, self.wait, news))
        };
        Arc::clone(self.open.lock().entry(address.clone()).or_insert_with(make))
    }

    /// The addresses of all clients.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.open.lock().keys().cloned().collect()
    }

    /// Closes the clients that own no slots any more.
    pub(crate) fn keep_only(&self, ranges: &Ranges) {
        let used = |address: &Address| ranges.values().any(|client| client.address == *address);
        self.open.lock().retain(|address, _| used(address));
    }
}

/// The servers to query.
pub(crate) enum Source {
    /// The connected nodes first, then these seeds.
    Cluster(Vec<Address>),
    Sentinels(Sentinels),
}

/// The sentinels, and the name of their primary.
pub(crate) struct Sentinels {
    clients: Vec<Client>,
    name: String,
}

/// The timeout of one server, after which the next is queried.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

impl Source {
    /// Queries one server after the other until one answers.
    ///
    /// # Errors
    /// Why the last one did not answer.
    pub(crate) async fn ask(&self, clients: &Clients) -> Result<Ranges, Away> {
        match self {
            Self::Cluster(seeds) => ask_nodes(seeds, clients).await,
            Self::Sentinels(sentinels) => sentinels.ask(clients).await,
        }
    }
}

impl Sentinels {
    pub(crate) fn open(addresses: &[Address], name: &str, connector: &Arc<Connector>) -> Self {
        let open = |address: &Address| {
            Client::open(address.clone(), Arc::clone(connector), None, Arc::<Notify>::default())
        };
        Self { clients: addresses.iter().map(open).collect(), name: name.to_owned() }
    }

    async fn ask(&self, clients: &Clients) -> Result<Ranges, Away> {
        let mut why = Away::new("");
        for sentinel in &self.clients {
            let mut question = redis::cmd("SENTINEL");
            question.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
            match answer(sentinel, question).await.map(|value| primary(&value)) {
                Ok(Some(address)) => return Ok(Ranges::from([(SLOTS - 1, clients.get(&address))])),
                Ok(None) => {
                    why = Away::new(format!("sentinel {} knows no primary of that name", sentinel.address))
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }
}

/// Queries in random order, so that a node with stale data is not the only one ever queried.
async fn ask_nodes(seeds: &[Address], clients: &Clients) -> Result<Ranges, Away> {
    let mut nodes = clients.addresses();
    fastrand::shuffle(&mut nodes);
    nodes.extend(seeds.iter().filter(|seed| !nodes.contains(seed)).cloned().collect::<Vec<_>>());
    let mut why = Away::new("");
    for node in nodes {
        let mut question = redis::cmd("CLUSTER");
        question.arg("SLOTS");
        match answer(&clients.get(&node), question).await.map(|value| ranges(&value, &node, clients)) {
            Ok(Some(ranges)) if !ranges.is_empty() => return Ok(ranges),
            Ok(_) => why = Away::new(format!("{node} knows of no cluster")),
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn answer(client: &Client, question: Cmd) -> Result<Value, Away> {
    let answer = timeout(ANSWER_WITHIN, client.ask(question)).await;
    let late = |_| Err(Away::new(format!("{} does not answer", client.address)));
    answer.map_or_else(late, |answer| answer.map_err(RedisError::before_the_call))
}

/// Parses `[host, port]`.
fn primary(value: &Value) -> Option<Address> {
    let Value::Array(parts) = value else { return None };
    let [host, port] = parts.as_slice() else { return None };
    Some(Address { host: text(host)?, port: text(port)?.parse().ok()? })
}

/// Parses `[[first slot, last slot, [host, port, id, ...], replicas...], ...]`. A node that does not know its
/// own host name leaves it empty and means itself.
fn ranges(value: &Value, asked: &Address, clients: &Clients) -> Option<Ranges> {
    let Value::Array(rows) = value else { return None };
    let mut ranges = Ranges::new();
    for row in rows {
        let Value::Array(row) = row else { return None };
        let [Value::Int(_), Value::Int(last), Value::Array(node), ..] = row.as_slice() else { return None };
        let [host, Value::Int(port), ..] = node.as_slice() else { return None };
        let host =
            text(host).filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
        let address = Address { host, port: u16::try_from(*port).ok()? };
        ranges.insert(u16::try_from(*last).ok()?, clients.get(&address));
    }
    Some(ranges)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}
