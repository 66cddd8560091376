//! **Guarantee**: exactly once while the cache keeps the asset's item: one that nobody used for its time to live (24 h at
//! most), or that was evicted, is forgotten with all who hold it, and is awarded anew once somebody creates it again.
//! **Round trips**: two for a change of up to 128 players (a consistent read, a compare-and-set), one when nobody wins; one
//! more each minute, two more for a new asset.
//! **Survives**: the death of every node; what the cache drops is lost: it has a time to live and no promise of durability.
//! **On timeout**: outcome unknown; the repeated call reads again, and finds its change in the item or makes it.
//! **Events**: in the asset's item, by the same write, as long as the cache keeps it; no history.

mod backend;
mod client;
mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod item;
mod key;
mod marks;
mod revocations;
mod rooms;
mod url;

use std::{sync::Arc, time::Duration};

use self::{client::Client, key::Access, url::MomentoUrl};
use super::{
    AssetKey, Driver, Limits, Options, Result, Store, StoreError, StoreErrorKind,
    optimistic::{Backend, Optimistic},
    recent::Recent,
};
use crate::{link::needs_runtime, model::RoomName};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["momento"],
    example: "momento://CACHE",
    summary: "Momento, with the API key in MOMENTO_API_KEY; ?endpoint= and ttl=; forgets, so that neither --asset nor \
              --auto-create go with it",
    source: include_str!("momento.rs"),
    limits: Limits { units: Cache::MOST_UNITS, select_creates: Cache::SELECT_CREATES },
    check: |url, options| parts(url, options).map(drop),
    open,
};

/// Assets in a cache: one item per asset, per room a set of their names, and one set of revocations. With events also one item
/// per room for a lease, and one set of marks.
struct Cache {
    client: Client,
    /// How long a room's set of names lives after the last addition. Its assets live a little shorter.
    ttl: Duration,
    /// The names that were recently added to their room's set.
    told: Recent<AssetKey>,
    /// The rooms that were recently touched.
    kept: Recent<RoomName>,
    /// Whether the time to live of the revocations was restarted recently.
    revocations_kept: Recent<()>,
    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    events_backlog: Option<usize>,
}

/// A name is added again when its asset is written and 1/`TOLD_AGAIN` of the time to live is over.
const TOLD_AGAIN: u32 = 8;
/// A name is added again at least this often, in case the cache evicted the set.
const TOLD_AGAIN_AT_LATEST: Duration = Duration::from_secs(60);
/// A room in use is touched again when 1/`KEPT_AGAIN` of the time to live is over, because a touch costs two
/// requests per asset.
const KEPT_AGAIN: u32 = 8;

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why).hopeless();
    let (url, ttl, access) = parts(url, options)?;
    needs_runtime().map_err(unusable)?;
    let client = Client::open(&access, &url.cache).map_err(unusable)?;
    Ok(Arc::new(Optimistic::new(Cache::new(client, ttl, options.events_backlog))))
}

/// The configuration from the URL, the flag and the environment.
fn parts(url: &str, options: Options) -> Result<(MomentoUrl, Duration, Access)> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why).hopeless();
    let url = MomentoUrl::parse(url).map_err(unusable)?;
    let ttl = url::ttl(&url, options.room_ttl).map_err(unusable)?;
    let access = Access::from_env(&url.endpoint).map_err(unusable)?;
    Ok((url, ttl, access))
}

impl Cache {
    fn new(client: Client, ttl: Duration, events_backlog: Option<usize>) -> Self {
        let told = Recent::for_time(told_again(ttl));
        let (kept, revocations_kept) =
            (Recent::for_time(ttl / KEPT_AGAIN), Recent::for_time(url::LONGEST_TTL / KEPT_AGAIN));
        Self { client, ttl, told, kept, revocations_kept, events_backlog }
    }

    /// How long an asset lives. Its name was added to the room's set at most one [`told_again`] before the
    /// asset was written, and must outlive it however late the cache is.
    fn item_ttl(&self) -> Duration {
        self.ttl - 2 * told_again(self.ttl)
    }
}

fn told_again(ttl: Duration) -> Duration {
    (ttl / TOLD_AGAIN).min(TOLD_AGAIN_AT_LATEST)
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new("momento", kind, message)
}
