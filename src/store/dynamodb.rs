//! **Guarantee**: exactly once, on any number of nodes: a write happens only if the asset is as it was read.
//! **Round trips**: two for up to 128 players, a read and a write; one if nobody gets a unit; two more from the 129th holder of an asset on.
//! **Survives**: whatever DynamoDB survives, which is the loss of a data centre; what is answered is on disk in several.
//! **On timeout**: outcome unknown; a repeated write finds another revision or its own token, and takes effect once.
//! **Events**: one more item of the change's transaction, without an expiry; the oldest are merged when events are
//! read or acknowledged; the history is an item for each event that was acknowledged, written before it is deleted.

mod batch;
mod capacity;
mod client;
mod clock;
mod delete;
mod error;
mod expiry;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod history;
mod holders;
mod item;
mod marks;
mod next_end;
mod outbox;
mod read;
mod revocations;
mod sdk;
mod sweeper;
mod table;
mod touch;
mod url;
mod write;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;

use self::{client::Client, item::Row, next_end::NextEnds, sweeper::Sweeper, url::DynamoUrl};
use super::{
    Driver, HistoryLimits, Limits, Options, Result, Store, StoreError, StoreErrorKind, StoreTime,
    optimistic::{Backend, Optimistic},
};
use crate::{
    link::needs_runtime,
    model::{Grant, Millis, Revocation, RoomName},
};

pub(super) const DRIVER: Driver = Driver {
    schemes: &["dynamodb"],
    example: "dynamodb://TABLE?region=eu-west-1",
    summary: "Amazon DynamoDB, credentials from AWS's usual places; ?region=, endpoint=, create=true, ttl= and inline=",
    source: include_str!("dynamodb.rs"),
    limits: Limits::NONE,
    check: |url, _| DynamoUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

/// How often a read is retried after a concurrent write between its parts before it fails as `Unavailable`.
const TRIES: u32 = 16;

/// Maximum number of concurrent requests of one call on a whole room.
const SIDE_BY_SIDE: usize = 16;

struct DynamoStore {
    client: Arc<Client>,
    url: Arc<DynamoUrl>,
    sweeper: Arc<Sweeper>,
    /// Of assets with holders that have items of their own.
    next_ends: NextEnds,
    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    events_backlog: Option<usize>,
    history: Option<HistoryLimits>,
}

/// The data that a write needs from the preceding read.
#[derive(Default)]
struct Seen {
    /// The asset's item, even if it has expired.
    row: Option<Row>,
    /// The holders right after the inline ones, if the item has room for more.
    next: Vec<Grant>,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let unusable = |why| error(StoreErrorKind::Unavailable, why);
    let mut url = DynamoUrl::parse(url).map_err(unusable)?;
    needs_runtime().map_err(unusable)?;
    url.room_ttl = options.room_ttl_unless(url.room_ttl);
    let url = Arc::new(url);
    let client = Arc::new(Client::open(Arc::clone(&url)));
    let sweeper = Arc::new(Sweeper::start(Arc::clone(&client), Arc::clone(&url)));
    let Options { events_backlog, history, .. } = options;
    let next_ends = NextEnds::default();
    Ok(Arc::new(Optimistic::new(DynamoStore { client, url, sweeper, next_ends, events_backlog, history })))
}

#[async_trait]
impl Backend for DynamoStore {
    const NAME: &'static str = "dynamodb";

    fn most_grants(&self) -> usize {
        self.most_holders()
    }

    fn room_ttl(&self) -> Option<Duration> {
        self.url.room_ttl
    }

    fn events_backlog(&self) -> Option<usize> {
        self.events_backlog
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        self.end_room(room).await
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.prolong(room, now / 1000).await
    }

    async fn revoke(&self, revocation: &Revocation, _now: Millis) -> Result<()> {
        self.add_revocation(revocation).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        self.live_revocations(now).await
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        self.service_time().await.map_err(StoreError::from)
    }

    fn needs_marks(&self) -> bool {
        true
    }

    async fn mark(&self, room: &RoomName, now: Millis) -> Result<()> {
        self.add_mark(room, now).await
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        self.marked_rooms(after, limit).await
    }

    fn history_limits(&self) -> Option<HistoryLimits> {
        self.history
    }

    async fn ping(&self) -> Result<()> {
        self.probe().await.map_err(StoreError::from)
    }
}

/// The time in Unix seconds, the service's unit of expiry.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new("dynamodb", kind, message)
}
