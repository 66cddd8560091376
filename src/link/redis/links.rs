use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Address,
    entry::Entry,
    link::{Link, Wait},
};

/// The last slot of each range, and who has it.
pub(crate) type Ranges = BTreeMap<u16, Arc<Link>>;

/// The servers we are connected to.
pub(crate) struct Links {
    open: Mutex<HashMap<Address, Arc<Link>>>,
    entry: Arc<Entry>,
    wait: Option<Wait>,
    news: Arc<Notify>,
}

impl Links {
    /// None yet; `news` hears of those that change.
    pub(crate) fn new(entry: Entry, wait: Option<Wait>, news: Arc<Notify>) -> Self {
        Self { open: Mutex::default(), entry: Arc::new(entry), wait, news }
    }

    /// The link to an address, made if there is none.
    pub(crate) fn get(&self, address: &Address) -> Arc<Link> {
        let make = || {
            let (entry, news) = (Arc::clone(&self.entry), Arc::clone(&self.news));
            Arc::new(Link::open(address.clone(), entry, self.wait, news))
        };
        Arc::clone(self.open.lock().entry(address.clone()).or_insert_with(make))
    }

    /// Those that are open.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.open.lock().keys().cloned().collect()
    }

    /// Closes those that nothing leads to any more.
    pub(crate) fn keep_only(&self, ranges: &Ranges) {
        let used = |address: &Address| ranges.values().any(|link| link.address == *address);
        self.open.lock().retain(|address, _| used(address));
    }
}
