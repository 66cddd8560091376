//! **Guarantee**: exactly once; every change is acknowledged by a majority, every decision is taken on what a majority has.
//! **Round trips**: two for a change (read, compare and set), one for a denial; again from the read when another node came in between.
//! **Survives**: the loss of any minority of the replica set's members; on a single server kill -9 and power loss (journal).
//! **On timeout**: outcome unknown; the call is repeated and finds what it did by the revision, so it takes effect once.
//! **Events**: in the asset's document, by the same update; a document with events does not expire; the history is a
//! document for each event that was acknowledged, written before it is deleted.

mod bson;
mod client;
mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod health;
mod history;
mod outbox;
mod url;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::mongodb::bson::{DateTime, doc};
use async_trait::async_trait;

use self::{
    bson::{Written, id},
    client::{Client, Doing},
    error::MongoError,
    url::MongoUrl,
};
use super::{
    AssetKey, Driver, HistoryLimits, Limits, Options, Result, Store, StoreError, StoreErrorKind, StoreTime,
    document::{Document, DocumentBackend, Loaded},
    optimistic::{Backend, Change, Optimistic},
    revocation,
};
use crate::model::{AssetName, Millis, PlayerName, Revocation, RoomName, Units};

pub(super) const DRIVER: Driver = Driver {
    schemes: &url::SCHEMES,
    example: "mongodb://127.0.0.1:27017/DATABASE",
    summary: "MongoDB 4.4 or later, or Amazon DocumentDB 5.0; also mongodb+srv://; the usual options of such URLs, ttl= and \
              collection=",
    source: include_str!("mongodb.rs"),
    limits: Limits { units: MongoBackend::MOST_UNITS, select_creates: MongoBackend::SELECT_CREATES },
    check: |url, _| MongoUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

const NAME: &str = "mongodb";

struct MongoBackend {
    client: Client,
    room_ttl: Option<Duration>,
    /// Maximum number of events of one asset; `None`: changes are not kept as events.
    events_backlog: Option<usize>,
    history: Option<HistoryLimits>,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let url = MongoUrl::parse(url).map_err(|why| error(StoreErrorKind::Unavailable, why).hopeless())?;
    let room_ttl = options.room_ttl_unless(url.room_ttl);
    let Options { events_backlog, history, .. } = options;
    let client = Client::new(url, events_backlog.is_some());
    let backend = MongoBackend { client, room_ttl, events_backlog, history };
    Ok(Arc::new(Optimistic::new(backend)))
}

impl MongoBackend {
    /// When a room that is used at `now` expires.
    fn expiry(&self, now: Millis) -> Option<DateTime> {
        self.room_ttl.map(|ttl| date(now.saturating_add(ttl.as_millis() as Millis)))
    }
}

#[async_trait]
impl Backend for MongoBackend {
    const NAME: &'static str = NAME;
    /// A document is limited to 16 MB and is read whole for each decision. This many holders take 600 KB,
    /// 1.7 MB at most.
    const MOST_UNITS: Units = 10_000;
    const SELECT_CREATES: bool = true;

    fn room_ttl(&self) -> Option<Duration> {
        self.room_ttl
    }

    fn events_backlog(&self) -> Option<usize> {
        self.events_backlog
    }

    /// Documents in which events wait are kept, without their assets. They are marked before the others are deleted, so that
    /// a document that gets or loses its events meanwhile is one of the two.
    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let collection = self.client.collection().await?;
        let room = room.as_str();
        let marked = collection.update_many(doc! { "room": room, "gone": null }, bson::without_asset());
        let marked = self.client.answer(Doing::Writing, marked).await;
        marked.map_err(|error| self.client.said(error))?;
        let deleted = collection.delete_many(doc! { "room": room, "gone": true, "waiting": null });
        let deleted = self.client.answer(Doing::Writing, deleted).await;
        deleted.map(|_| ()).map_err(|error| self.client.said(error))
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        // An expired document must not reappear, because a reader may have found it gone. One with events never expires.
        let alive = doc! { "room": room.as_str(), "waiting": null, "$or": alive() };
        let kept = bson::expiring(self.expiry(now));
        let kept = self.client.collection().await?.update_many(alive, kept);
        let kept = self.client.answer(Doing::Writing, kept).await;
        kept.map(|_| ()).map_err(|error| self.client.said(error))
    }

    /// Those that have ended are deleted by the server.
    async fn revoke(&self, revocation: &Revocation, _now: Millis) -> Result<()> {
        let fields = doc! { "room": bson::REVOCATIONS, "expires_at": date(revocation.until) };
        self.client.set(&revocation::text(NAME, revocation)?, fields).await
    }

    async fn revocations(&self, now: Millis) -> Result<Vec<Revocation>> {
        let alive = doc! { "room": bson::REVOCATIONS, "expires_at": { "$gt": date(now) } };
        let found = self.client.find_all(alive, doc! { "_id": 1 }).await?;
        let texts = found.iter().map(|found| bson::revocation(found)).collect::<Result<Vec<_>>>()?;
        revocation::parse_all(NAME, texts, now)
    }

    async fn clock(&self) -> Result<Option<StoreTime>> {
        self.client.clock().await
    }

    async fn waiting_rooms(&self, after: Option<RoomName>, limit: usize) -> Result<Vec<RoomName>> {
        self.rooms_with_events(after, limit).await
    }

    fn history_limits(&self) -> Option<HistoryLimits> {
        self.history
    }

    async fn ping(&self) -> Result<()> {
        self.client.ping().await
    }
}

#[async_trait]
impl DocumentBackend for MongoBackend {
    /// The stored document, even if it has expired.
    type Seen = Option<Written>;

    async fn load(&self, key: &AssetKey) -> Result<Loaded<Self>> {
        let Some(found) = self.client.find(&id(key)).await? else { return Ok((None, None)) };
        let (document, expires_at, written) = bson::read(&found)?;
        let over = expires_at.is_some_and(|at| at <= date(now()));
        Ok(((!over).then_some(document), Some(written)))
    }

    async fn replace(&self, key: &AssetKey, (document, written): Loaded<Self>, change: Change) -> Result<bool> {
        let (expiry, id, room, backlog) = (self.expiry(now()), id(key), &key.room, self.events_backlog);
        let collection = self.client.collection().await?;
        let written = match (written, document) {
            (None, _) => {
                let whole = bson::whole(room, &id, Document::after(None, change, backlog), expiry)?;
                let made = self.client.answer(Doing::Writing, collection.insert_one(whole)).await;
                made.map(|_| 1)
            }
            (Some(written), Some(before)) if !before.gone => {
                let update = bson::update(room, before, change, backlog, expiry)?;
                let set = collection.update_one(written.filter(&id), update);
                self.client.answer(Doing::Writing, set).await.map(|set| set.matched_count)
            }
            // The document has expired but is not deleted yet, or is kept for its events.
            (Some(written), before) => {
                let whole = bson::whole(room, &id, Document::after(before, change, backlog), expiry)?;
                let put = collection.replace_one(written.filter(&id), whole);
                self.client.answer(Doing::Writing, put).await.map(|put| put.matched_count)
            }
        };
        self.is_written(written)
    }

    async fn load_all(&self, room: &RoomName, holders: usize) -> Result<Vec<(AssetName, Document)>> {
        let alive = doc! { "room": room.as_str(), "$or": alive() };
        let found = self.client.find_all(alive, bson::first(holders)).await?;
        found.iter().map(|found| bson::named(found)).collect()
    }

    async fn held_by(&self, room: &RoomName, player: &PlayerName) -> Result<Vec<(AssetName, u64)>> {
        let theirs = doc! { "room": room.as_str(), "holders.p": player.as_str(), "$or": alive() };
        let only = doc! { "holders": { "$elemMatch": { "p": player.as_str() } }, "counter": 1, "changes": 1 };
        let found = self.client.find_all(theirs, only).await?;
        let held = |found| {
            let (asset, document) = bson::named(found)?;
            Ok(document.held_by(player).map(|revision| (asset, revision)))
        };
        found.iter().filter_map(|found| held(found).transpose()).collect()
    }

    async fn put_back(&self, key: &AssetKey, seen: Option<Written>, left: Option<Document>) -> Result<bool> {
        let Some(written) = seen else { return Ok(false) };
        let (collection, unchanged) = (self.client.collection().await?, written.filter(&id(key)));
        self.is_written(match left {
            Some(left) => {
                let set = collection.update_one(unchanged, bson::put_back(&left, self.expiry(now()))?);
                self.client.answer(Doing::Writing, set).await.map(|set| set.matched_count)
            }
            None => {
                let deleted = collection.delete_one(unchanged);
                self.client.answer(Doing::Writing, deleted).await.map(|deleted| deleted.deleted_count)
            }
        })
    }
}

impl MongoBackend {
    /// Whether a conditional write took effect, of which this is the number of documents.
    fn is_written(&self, written: std::result::Result<u64, MongoError>) -> Result<bool> {
        match written {
            Ok(written) => Ok(written == 1),
            Err(error) if error.is_stale() => Ok(false),
            Err(error) => Err(self.client.said(error)),
        }
    }
}

/// Matches documents that have not expired.
fn alive() -> [::mongodb::bson::Document; 2] {
    [doc! { "expires_at": null }, doc! { "expires_at": { "$gt": date(now()) } }]
}

fn now() -> Millis {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis() as Millis
}

fn date(at: Millis) -> DateTime {
    DateTime::from_millis(i64::try_from(at).unwrap_or(i64::MAX))
}

fn error(kind: StoreErrorKind, message: impl Into<String>) -> StoreError {
    StoreError::new(NAME, kind, message)
}
