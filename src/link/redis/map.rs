use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::sleep,
};
use tokio_rustls::TlsConnector;

use super::{
    Address,
    entry::{Entry, Listener, Role},
    learn,
    link::Link,
    links::{Links, Ranges},
    slot::{SLOTS, slot_of},
    target::{Servers, Target},
    trouble::Trouble,
};
use crate::link::tls::tls;

/// Which server has which room. One server alone is a map with one entry.
pub(crate) struct Map {
    known: watch::Receiver<Known>,
    links: Arc<Links>,
    /// What we know does not fit any more.
    doubt: Arc<Notify>,
    learner: Option<AbortHandle>,
}

#[derive(Clone)]
enum Known {
    /// Asking for the first time.
    Learning,
    Ranges(Arc<Ranges>),
    Nothing(Arc<str>),
}

impl Known {
    fn is(&self, ranges: &Ranges) -> bool {
        let Self::Ranges(known) = self else { return false };
        let same = |((last, link), (known_last, known)): ((_, &Arc<Link>), (_, _))| {
            last == known_last && Arc::ptr_eq(link, known)
        };
        known.len() == ranges.len() && ranges.iter().zip(known.iter()).all(same)
    }
}

/// How long a call waits for the map when there is none yet.
const GRACE: Duration = Duration::from_millis(500);
/// While doubts go on, servers are asked that often at most.
const LEARN_PAUSE: Duration = Duration::from_millis(100);

impl Map {
    /// Begins to connect, in the background. A listener hears all servers but sentinels.
    ///
    /// # Errors
    /// Nothing to trust in encrypted connections.
    pub(crate) fn open(target: &Target, listener: Option<Listener>) -> Result<Self, String> {
        let tls = target.access.tls.then(tls).transpose()?.map(|config| TlsConnector::from(Arc::new(config)));
        let doubt = Arc::<Notify>::default();
        let role =
            if matches!(target.servers, Servers::Cluster(_)) { Role::ClusterNode } else { Role::Primary };
        let entry = Entry::new(&target.access, role, tls.clone()).heard_by(listener);
        let links = Arc::new(Links::new(entry, target.options.wait, Arc::clone(&doubt)));
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
    pub(crate) async fn of(&self, slot: u16) -> Result<Arc<Link>, Trouble> {
        let ranges = self.ranges().await?;
        let found = ranges.range(slot..).next().map(|(_, link)| Arc::clone(link));
        found.ok_or_else(|| {
            self.doubt();
            Trouble::Away(format!("no node of the cluster has slot {slot} now"))
        })
    }

    /// Every server that has a slot, each once.
    pub(crate) async fn all(&self) -> Result<Vec<Arc<Link>>, Trouble> {
        let ranges = self.ranges().await?;
        let by_address: BTreeMap<_, _> =
            ranges.values().map(|link| (link.address.to_string(), Arc::clone(link))).collect();
        Ok(by_address.into_values().collect())
    }

    /// For every server that has a slot the first of the tags that lies on it.
    pub(crate) async fn one_of_each(&self, tags: impl Iterator<Item = String>) -> Result<Vec<String>, Trouble> {
        let ranges = self.ranges().await?;
        let mut missing: BTreeSet<_> = ranges.values().map(|link| link.address.to_string()).collect();
        let mut found = Vec::with_capacity(missing.len());
        for tag in tags {
            if missing.is_empty() {
                break;
            }
            let server = ranges.range(slot_of(&tag)..).next();
            if server.is_some_and(|(_, link)| missing.remove(&link.address.to_string())) {
                found.push(tag);
            }
        }
        Ok(found)
    }

    /// The server at an address a node of the cluster named.
    pub(crate) fn at(&self, address: &Address) -> Arc<Link> {
        self.links.get(address)
    }

    /// The map as it is now; empty when there is none yet.
    pub(crate) fn now(&self) -> Arc<Ranges> {
        match &*self.known.borrow() {
            Known::Ranges(ranges) => Arc::clone(ranges),
            Known::Learning | Known::Nothing(_) => Arc::default(),
        }
    }

    /// The map as it is now and whenever it changes.
    pub(crate) fn owners(&self) -> Owners {
        let mut known = self.known.clone();
        // One that is there from the beginning counts.
        known.mark_changed();
        Owners(known)
    }

    /// Has the map learnt anew.
    pub(crate) fn doubt(&self) {
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

/// Follows who has what.
pub(crate) struct Owners(watch::Receiver<Known>);

impl Owners {
    /// Waits for a map that was not seen yet; for ever, if there will be no more.
    pub(crate) async fn next(&mut self) -> Arc<Ranges> {
        while self.0.changed().await.is_ok() {
            if let Known::Ranges(ranges) = &*self.0.borrow_and_update() {
                return Arc::clone(ranges);
            }
        }
        std::future::pending().await
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        self.learner.iter().for_each(AbortHandle::abort);
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
                known.send_if_modified(|known| {
                    let news = !known.is(&ranges);
                    if news {
                        *known = Known::Ranges(Arc::new(ranges));
                    }
                    news
                });
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
