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

/// The last slot of each range, and who has it.
pub(crate) type Ranges = BTreeMap<u16, Arc<Client>>;

/// The servers we are connected to.
pub(crate) struct Clients {
    open: Mutex<HashMap<Address, Arc<Client>>>,
    connector: Arc<Connector>,
    wait: Option<Wait>,
    news: Arc<Notify>,
}

impl Clients {
    /// None yet; `news` hears of those that change.
    pub(crate) fn new(connector: Connector, wait: Option<Wait>, news: Arc<Notify>) -> Self {
        Self { open: Mutex::default(), connector: Arc::new(connector), wait, news }
    }

    /// The client to an address, made if there is none.
    pub(crate) fn get(&self, address: &Address) -> Arc<Client> {
        let make = || {
            let (connector, news) = (Arc::clone(&self.connector), Arc::clone(&self.news));
            Arc::new(Client::open(address.clone(), connector, self.wait, news))
        };
        Arc::clone(self.open.lock().connector(address.clone()).or_insert_with(make))
    }

    /// Those that are open.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.open.lock().keys().cloned().collect()
    }

    /// Closes those that nothing leads to any more.
    pub(crate) fn keep_only(&self, ranges: &Ranges) {
        let used = |address: &Address| ranges.values().any(|client| client.address == *address);
        self.open.lock().retain(|address, _| used(address));
    }
}
