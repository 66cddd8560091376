use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Address,
    client::Client,
    connector::{Connector, Listener, Role},
    discovery::{self, Clients, Ranges},
    error::{Away, RedisError},
    slot::{SLOTS, slot_of},
    url::{RedisUrl, Servers},
};
use crate::link::tls::tls;

/// Which server owns which slot. A single server is a topology with one client.
pub(crate) struct Topology {
    known: watch::Receiver<Known>,
    clients: Arc<Clients>,
    /// Notified when the topology may be stale.
    refresh: Arc<Notify>,
    _discovery: Option<AbortOnDropHandle<()>>,
}

#[derive(Clone)]
enum Known {
    /// The first discovery is in progress.
    Discovering,
    Ranges(Arc<Ranges>),
    Nothing(Arc<Away>),
}

impl Known {
    fn is(&self, ranges: &Ranges) -> bool {
        let Self::Ranges(known) = self else { return false };
        let same = |((last, client), (known_last, known)): ((_, &Arc<Client>), (_, _))| {
            last == known_last && Arc::ptr_eq(client, known)
        };
        known.len() == ranges.len() && ranges.iter().zip(known.iter()).all(same)
    }
}

/// How long a call waits for the first discovery.
const GRACE: Duration = Duration::from_millis(500);
/// The minimum time between discoveries.
const DISCOVERY_PAUSE: Duration = Duration::from_millis(100);

impl Topology {
    /// Connects in the background. The listener receives the push messages of all servers except sentinels.
    ///
    /// # Errors
    /// No root certificates were found for encrypted connections.
    pub(crate) fn open(target: &RedisUrl, listener: Option<Listener>) -> Result<Self, String> {
        let tls = target.access.tls.then(tls).transpose()?.map(|config| TlsConnector::from(Arc::new(config)));
        let refresh = Arc::<Notify>::default();
        let role =
            if matches!(target.servers, Servers::Cluster(_)) { Role::ClusterNode } else { Role::Primary };
        let connector = Connector::new(&target.access, role, tls.clone()).heard_by(listener);
        let clients = Arc::new(Clients::new(connector, target.options.wait, Arc::clone(&refresh)));
        let (known, receiver) = watch::channel(Known::Discovering);
        let source = match &target.servers {
            Servers::One(address) => {
                let only = Ranges::from([(SLOTS - 1, clients.get(address))]);
                known.send_replace(Known::Ranges(Arc::new(only)));
                return Ok(Self { known: receiver, clients, refresh, _discovery: None });
            }
            Servers::Cluster(seeds) => discovery::Source::Cluster(seeds.clone()),
            Servers::Sentinels(sentinels, name) => {
                let connector = Arc::new(Connector::new(&target.access, Role::Sentinel, tls));
                discovery::Source::Sentinels(discovery::Sentinels::open(sentinels, name, &connector))
            }
        };
        let learning = keep_discovering(source, known, Arc::clone(&clients), Arc::clone(&refresh));
        let discovery = Some(AbortOnDropHandle::new(tokio::spawn(learning)));
        Ok(Self { known: receiver, clients, refresh, _discovery: discovery })
    }

    /// The server that owns a slot.
    pub(crate) async fn of(&self, slot: u16) -> Result<Arc<Client>, RedisError> {
        let ranges = self.ranges().await?;
        let found = ranges.range(slot..).next().map(|(_, client)| Arc::clone(client));
        found.ok_or_else(|| {
            self.refresh();
            RedisError::away(format!("no node of the cluster has slot {slot} now"))
        })
    }

    /// Every server that owns a slot, once.
    pub(crate) async fn all(&self) -> Result<Vec<Arc<Client>>, RedisError> {
        let ranges = self.ranges().await?;
        let by_address: BTreeMap<_, _> =
            ranges.values().map(|client| (client.address.to_string(), Arc::clone(client))).collect();
        Ok(by_address.into_values().collect())
    }

    /// For each server that owns slots, the first of the tags that hashes to it.
    pub(crate) async fn one_of_each(
        &self,
        tags: impl Iterator<Item = String>,
    ) -> Result<Vec<String>, RedisError> {
        let ranges = self.ranges().await?;
        let mut missing: BTreeSet<_> = ranges.values().map(|client| client.address.to_string()).collect();
        let mut found = Vec::with_capacity(missing.len());
        for tag in tags {
            if missing.is_empty() {
                break;
            }
            let server = ranges.range(slot_of(&tag)..).next();
            if server.is_some_and(|(_, client)| missing.remove(&client.address.to_string())) {
                found.push(tag);
            }
        }
        Ok(found)
    }

    /// The server at an address from a redirect.
    pub(crate) fn at(&self, address: &Address) -> Arc<Client> {
        self.clients.get(address)
    }

    /// The current topology; empty if none is known yet.
    pub(crate) fn now(&self) -> Arc<Ranges> {
        match &*self.known.borrow() {
            Known::Ranges(ranges) => Arc::clone(ranges),
            Known::Discovering | Known::Nothing(_) => Arc::default(),
        }
    }

    /// The current topology, and every later change.
    pub(crate) fn owners(&self) -> Owners {
        let mut known = self.known.clone();
        // Delivers a topology that is known already, too.
        known.mark_changed();
        Owners(known)
    }

    /// Requests a new discovery.
    pub(crate) fn refresh(&self) {
        self.refresh.notify_one();
    }

    async fn ranges(&self) -> Result<Arc<Ranges>, RedisError> {
        let mut known = self.known.clone();
        let settled = known.wait_for(|known| !matches!(known, Known::Discovering));
        match tokio::time::timeout(GRACE, settled).await.as_ref().map(|settled| settled.as_deref()) {
            Ok(Ok(Known::Ranges(ranges))) => Ok(Arc::clone(ranges)),
            Ok(Ok(Known::Nothing(why))) => Err(RedisError::Away(Away::clone(why))),
            _ => Err(RedisError::away("no server has told yet which is the right one")),
        }
    }
}

/// Follows changes of the topology.
pub(crate) struct Owners(watch::Receiver<Known>);

impl Owners {
    /// Waits for the next topology; for ever if the topology is closed.
    pub(crate) async fn next(&mut self) -> Arc<Ranges> {
        while self.0.changed().await.is_ok() {
            if let Known::Ranges(ranges) = &*self.0.borrow_and_update() {
                return Arc::clone(ranges);
            }
        }
        std::future::pending().await
    }
}

async fn keep_discovering(
    source: discovery::Source,
    known: watch::Sender<Known>,
    clients: Arc<Clients>,
    refresh: Arc<Notify>,
) {
    loop {
        match source.ask(&clients).await {
            Ok(ranges) => {
                clients.keep_only(&ranges);
                known.send_if_modified(|known| {
                    let news = !known.is(&ranges);
                    if news {
                        *known = Known::Ranges(Arc::new(ranges));
                    }
                    news
                });
            }
            // The known topology may still be right. If not, its servers report that.
            Err(why) => {
                tracing::debug!("{}", why.why);
                refresh.notify_one();
                known.send_if_modified(|known| {
                    let nothing = !matches!(known, Known::Ranges(_));
                    if nothing {
                        *known = Known::Nothing(why.into());
                    }
                    nothing
                });
            }
        }
        sleep(DISCOVERY_PAUSE).await;
        refresh.notified().await;
    }
}
