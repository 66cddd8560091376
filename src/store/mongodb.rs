//! **Guarantee**: exactly once; every change is acknowledged by a majority, every decision is taken on what a majority has.
//! **Round trips**: two for a change (read, compare and set), one for a denial; again from the read when another node came in between.
//! **Survives**: the loss of any minority of the replica set's members; on a single server kill -9 and power loss (journal).
//! **On timeout**: outcome unknown; the call is repeated and finds what it did by the revision, so it takes effect once.

mod bson;
mod client;
mod error;
#[cfg(feature = "test-util")]
pub(super) mod fuzzing;
mod health;
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
    url::MongoUrl,
};
use super::{
    AssetKey, Driver, Limits, Options, Result, Store, StoreError, StoreErrorKind, Taker,
    document::{Document, DocumentBackend, Loaded},
    optimistic::{Backend, Change, Optimistic},
    revocation,
};
use crate::model::{AssetEvent, AssetName, EventId, Millis, PlayerName, Revocation, RoomName, Units};

pub(super) const DRIVER: Driver = Driver {
    schemes: &url::SCHEMES,
    example: "mongodb://127.0.0.1:27017/DATABASE",
    summary: "MongoDB 4.4 or later, or Amazon DocumentDB 5.0; also mongodb+srv://; the usual options of such URLs, ttl= and \
              collection=",
    source: include_str!("mongodb.rs"),
    limits: Limits { units: MongoBackend::MOST_UNITS, select_creates: MongoBackend::SELECT_CREATES },
    keeps_events: false,
    check: |url, _| MongoUrl::parse(url).map(drop).map_err(|why| error(StoreErrorKind::Unavailable, why)),
    open,
};

const NAME: &str = "mongodb";

struct MongoBackend {
    client: Client,
    room_ttl: Option<Duration>,
}

fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    let url = MongoUrl::parse(url).map_err(|why| error(StoreErrorKind::Unavailable, why).hopeless())?;
    let room_ttl = options.room_ttl_unless(url.room_ttl);
    let backend = MongoBackend { client: Client::new(url), room_ttl };
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

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let gone = self.client.collection().await?.delete_many(doc! { "room": room.as_str() });
        let gone = self.client.answer(Doing::Writing, gone).await;
        gone.map(|_| ()).map_err(|error| self.client.said(error))
    }

    async fn touch(&self, room: &RoomName, now: Millis) -> Result<()> {
        // An expired document must not reappear, because a reader may have found it gone.
        let alive = doc! { "room": room.as_str(), "$or": alive() };
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

    async fn clock(&self) -> Result<Option<Millis>> {
        self.client.clock().await
    }

    async fn waiting_rooms(&self, _after: Option<RoomName>, _limit: usize) -> Result<Vec<RoomName>> {
        Ok(Vec::new())
    }

    async fn take_events(
        &self,
        _room: &RoomName,
        _taker: Taker,
        _limit: usize,
    ) -> Result<Vec<(AssetName, AssetEvent)>> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _room: &RoomName, _events: &[EventId]) -> Result<()> {
        Ok(())
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
        let (document, expires_at) = bson::read(&found)?;
        let written = Written::of(&document.counter);
        let over = expires_at.is_some_and(|at| at <= date(now()));
        Ok(((!over).then_some(document), Some(written)))
    }

    async fn replace(&self, key: &AssetKey, (document, written): Loaded<Self>, change: Change) -> Result<bool> {
        let (expiry, id, room) = (self.expiry(now()), id(key), &key.room);
        let collection = self.client.collection().await?;
        let written = match (written, document) {
            (None, _) => {
                let whole = bson::whole(room, &id, Document::after(None, change), expiry)?;
                let made = self.client.answer(Doing::Writing, collection.insert_one(whole)).await;
                made.map(|_| 1)
            }
            // The document has expired but is not deleted yet.
            (Some(written), None) => {
                let whole = bson::whole(room, &id, Document::after(None, change), expiry)?;
                let put = collection.replace_one(written.filter(&id), whole);
                self.client.answer(Doing::Writing, put).await.map(|put| put.matched_count)
            }
            (Some(written), Some(before)) => {
                let set = collection.update_one(written.filter(&id), bson::update(before, change, expiry)?);
                self.client.answer(Doing::Writing, set).await.map(|set| set.matched_count)
            }
        };
        match written {
            Ok(written) => Ok(written == 1),
            Err(error) if error.is_stale() => Ok(false),
            Err(error) => Err(self.client.said(error)),
        }
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
