use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::sleep,
};

use super::{
    entry::{Entry, Role, tls},
    keys::SLOTS,
    learn,
    link::{Link, Wait},
    target::{Address, Servers, Target},
    trouble::Trouble,
};

/// Which server has which room. One server alone is a map with one entry.
pub(super) struct Map {
    known: watch::Receiver<Known>,
    links: Arc<Links>,
    /// What we know does not fit any more.
    doubt: Arc<Notify>,
    learner: Option<AbortHandle>,
}

/// The last slot of each range, and who has it.
pub(super) type Ranges = BTreeMap<u16, Arc<Link>>;

#[derive(Clone)]
enum Known {
    /// Asking for the first time.
    Learning,
    Ranges(Arc<Ranges>),
    Nothing(Arc<str>),
}

/// The servers we are connected to.
pub(super) struct Links {
    open: Mutex<HashMap<Address, Arc<Link>>>,
    entry: Arc<Entry>,
    wait: Option<Wait>,
    news: Arc<Notify>,
}

/// How long a call waits for the map when there is none yet.
const GRACE: Duration = Duration::from_millis(500);
/// While doubts go on, servers are asked that often at most.
const LEARN_PAUSE: Duration = Duration::from_millis(100);

impl Map {
    /// Begins to connect, in the background.
    ///
    /// # Errors
    /// Nothing to trust in encrypted connections.
    pub(super) fn open(target: &Target) -> Result<Self, String> {
        let tls = target.access.tls.then(tls).transpose()?;
        let doubt = Arc::<Notify>::default();
        let role =
            if matches!(target.servers, Servers::Cluster(_)) { Role::ClusterNode } else { Role::Primary };
        let links = Arc::new(Links {
            open: Mutex::default(),
            entry: Arc::new(Entry::new(&target.access, role, tls.clone())),
            wait: target.options.wait,
            news: Arc::clone(&doubt),
        });
        let (known, receiver) = watch::channel(Known::Learning);
        let source = match &target.servers {
            Servers::One(address) => {
                let only = Ranges::from([(SLOTS - 1, links.get(address))]);
                known.send_replace(Known::Ranges(Arc::new(only)));
                return Ok(Self { known: receiver, links, doubt, learner: None });
            }
            Servers::Cluster(seeds) => learn::Source::Cluster(seeds.clone()),
            Servers::Sentinels(sentinels, name) => {
                let entry = Arc::new(Entry::new(&target.access, Role::Sentinel, tls));
                learn::Source::Sentinels(learn::Sentinels::open(sentinels, name, &entry))
            }
        };
        let learning = keep_learning(source, known, Arc::clone(&links), Arc::clone(&doubt));
        let learner = Some(tokio::spawn(learning).abort_handle());
        Ok(Self { known: receiver, links, doubt, learner })
    }

    /// The server that has a slot.
    pub(super) async fn of(&self, slot: u16) -> Result<Arc<Link>, Trouble> {
        let ranges = self.ranges().await?;
        let found = ranges.range(slot..).next().map(|(_, link)| Arc::clone(link));
        found.ok_or_else(|| {
            self.doubt();
            Trouble::Away(format!("no node of the cluster has slot {slot} now"))
        })
    }

    /// Every server that has a slot, each once.
    pub(super) async fn all(&self) -> Result<Vec<Arc<Link>>, Trouble> {
        let ranges = self.ranges().await?;
        let by_address: BTreeMap<_, _> =
            ranges.values().map(|link| (link.address.to_string(), Arc::clone(link))).collect();
        Ok(by_address.into_values().collect())
    }

    /// The server at an address a node of the cluster named.
    pub(super) fn at(&self, address: &Address) -> Arc<Link> {
        self.links.get(address)
    }

    /// Has the map learnt anew.
    pub(super) fn doubt(&self) {
        self.doubt.notify_one();
    }

    async fn ranges(&self) -> Result<Arc<Ranges>, Trouble> {
        let mut known = self.known.clone();
        let settled = known.wait_for(|known| !matches!(known, Known::Learning));
        match tokio::time::timeout(GRACE, settled).await.as_ref().map(|settled| settled.as_deref()) {
            Ok(Ok(Known::Ranges(ranges))) => Ok(Arc::clone(ranges)),
            Ok(Ok(Known::Nothing(why))) => Err(Trouble::Away(why.to_string())),
            _ => Err(Trouble::Away("no server has told yet which is the right one".to_owned())),
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.learner.iter().for_each(AbortHandle::abort);
    }
}

impl Links {
    /// The link to an address, made if there is none.
    pub(super) fn get(&self, address: &Address) -> Arc<Link> {
        let make = || {
            let (entry, news) = (Arc::clone(&self.entry), Arc::clone(&self.news));
            Arc::new(Link::open(address.clone(), entry, self.wait, news))
        };
        Arc::clone(self.open.lock().entry(address.clone()).or_insert_with(make))
    }

    /// Those that are open.
    pub(super) fn addresses(&self) -> Vec<Address> {
        self.open.lock().keys().cloned().collect()
    }

    /// Closes those that nothing leads to any more.
    pub(super) fn keep_only(&self, ranges: &Ranges) {
        let used = |address: &Address| ranges.values().any(|link| link.address == *address);
        self.open.lock().retain(|address, _| used(address));
    }
}

async fn keep_learning(
    source: learn::Source,
    known: watch::Sender<Known>,
    links: Arc<Links>,
    doubt: Arc<Notify>,
) {
    loop {
        match source.ask(&links).await {
            Ok(ranges) => {
                links.keep_only(&ranges);
                known.send_replace(Known::Ranges(Arc::new(ranges)));
            }
            // What was known may still be right, and its servers say it when not.
            Err(why) => {
                tracing::debug!("{why}");
                doubt.notify_one();
                known.send_if_modified(|known| {
                    let nothing = !matches!(known, Known::Ranges(_));
                    if nothing {
                        *known = Known::Nothing(why.into());
                    }
                    nothing
                });
            }
        }
        sleep(LEARN_PAUSE).await;
        doubt.notified().await;
    }
}
