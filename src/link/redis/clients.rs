use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Address,
    client::{Client, Wait},
    connector::Connector,
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
