use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::mongodb::{
    Client as MongoClient, Collection, IndexModel,
    bson::{DateTime, Document as Bare, RawDocumentBuf, doc},
    error::Error,
    event::EventHandler,
    options::{
        Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, ReadPreference,
        SelectionCriteria, WriteConcern,
    },
};
use futures::TryStreamExt;
use tokio::{sync::OnceCell, time::timeout};

pub(super) use super::error::Doing;
use super::{
    error::{Cause, MongoError},
    health::Health,
    url::MongoUrl,
};
use crate::{
    model::Millis,
    store::{Result, StoreError, StoreTime},
};

/// The collection. The client connects on first use.
pub(super) struct Client {
    url: MongoUrl,
    health: Arc<Health>,
    client: OnceCell<MongoClient>,
    ready: OnceCell<RawDocuments>,
    /// Whether single documents are read linearizably; false once the server has refused that.
    linearizable: AtomicBool,
    keeps_events: bool,
}

type RawDocuments = Collection<RawDocumentBuf>;

/// The timeout of a call: less than the first half of a select's deadline, so that a retry still has time to
/// use another connection.
const CALL_WITHIN: Duration = Duration::from_secs(2);
/// How long a call waits for a primary: long enough to find out why there is none.
const SELECT_WITHIN: Duration = Duration::from_millis(1500);
/// The timeout of name resolution, handshake and login.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How often each server is checked. With the timeout above, an unreachable server is noticed within two
/// seconds, and the requests sent to it are abandoned.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Milliseconds after which the server deletes a ping's document.
const PROBE_LIVES_MS: i64 = 60_000;
/// Maximum number of connections opened at the same time: enough for a burst of assets, without a storm of
/// logins after a failover.
const CONNECTING: u32 = 8;

impl Client {
    pub(super) fn new(url: MongoUrl, keeps_events: bool) -> Self {
        let linearizable = AtomicBool::new(url.linearizable);
        let (client, ready) = (OnceCell::new(), OnceCell::new());
        Self { url, health: Arc::default(), client, ready, linearizable, keeps_events }
    }

    /// The collection, after its indexes are created.
    pub(super) async fn collection(&self) -> Result<&RawDocuments> {
        let ready = timeout(CALL_WITHIN, self.ready.get_or_try_init(|| self.prepare())).await;
        let ready = ready.map_or(Err(Cause::Silence), |ready| ready.map_err(Cause::Failed));
        ready.map_err(|cause| self.said(MongoError { doing: Doing::Reading, cause }))
    }

    /// Waits for an answer, with a timeout.
    pub(super) async fn answer<T>(
        &self,
        doing: Doing,
        call: impl IntoFuture<Output = std::result::Result<T, Error>>,
    ) -> std::result::Result<T, MongoError> {
        let answer = timeout(CALL_WITHIN, call.into_future()).await;
        let answer = answer.map_or(Err(Cause::Silence), |answer| answer.map_err(Cause::Failed));
        answer.map_err(|cause| MongoError { doing, cause })
    }

    /// Reads one document, as of a moment after the call began. A majority read is not enough: a primary that
    /// has been replaced without knowing it returns an old state, and a denial based on that would be wrong. A
    /// linearizable read has a majority confirm that the server still is the primary. A single server refuses
    /// it, but needs no confirmation. DocumentDB may refuse it, too; its one writer reads from the storage and
    /// can no longer do so once the storage serves another writer.
    pub(super) async fn find(&self, id: &str) -> Result<Option<RawDocumentBuf>> {
        let collection = self.collection().await?;
        if self.linearizable.load(Ordering::Relaxed) {
            match self.find_at(collection, id, ReadConcern::linearizable()).await {
                Err(error) if error.wants_another_level() => {
                    self.linearizable.store(false, Ordering::Relaxed);
                    tracing::info!(
                        "the server has no linearizable reads; majority reads of its primary are used"
                    );
                }
                found => return found.map_err(|error| self.said(error)),
            }
        }
        let found = self.find_at(collection, id, ReadConcern::majority()).await;
        found.map_err(|error| self.said(error))
    }

    async fn find_at(
        &self,
        collection: &RawDocuments,
        id: &str,
        level: ReadConcern,
    ) -> std::result::Result<Option<RawDocumentBuf>, MongoError> {
        let find = collection.find_one(doc! { "_id": id }).read_concern(level).max_time(CALL_WITHIN);
        self.answer(Doing::Reading, find).await
    }

    /// Reads every matching document.
    pub(super) async fn find_all(&self, filter: Bare, fields: Bare) -> Result<Vec<RawDocumentBuf>> {
        let find = self.collection().await?.find(filter).projection(fields).max_time(CALL_WITHIN);
        let all = async { find.await?.try_collect().await };
        self.answer(Doing::Reading, all).await.map_err(|error| self.said(error))
    }

    /// Reads the first `limit` matching documents by `_id`.
    pub(super) async fn find_first(
        &self,
        filter: Bare,
        fields: Bare,
        limit: usize,
    ) -> Result<Vec<RawDocumentBuf>> {
        let find = self.collection().await?.find(filter).projection(fields).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).max_time(CALL_WITHIN);
        let all = async { find.await?.try_collect().await };
        self.answer(Doing::Reading, all).await.map_err(|error| self.said(error))
    }

    /// The `_id` of the matching document that has so many after it, by `_id`; `None`: there are not as many.
    pub(super) async fn id_before_last(&self, filter: Bare, after: usize) -> Result<Option<String>> {
        let skipped = u64::try_from(after).unwrap_or(u64::MAX);
        let find = self.collection().await?.find_one(filter).projection(doc! { "_id": 1 });
        let find = find.sort(doc! { "_id": -1 }).skip(skipped).max_time(CALL_WITHIN);
        let found = self.answer(Doing::Reading, find).await.map_err(|error| self.said(error))?;
        Ok(found.and_then(|found| found.get_str("_id").map(str::to_owned).ok()))
    }

    /// Adds documents. Those that are there stay as they are.
    pub(super) async fn insert_all(&self, documents: Vec<RawDocumentBuf>) -> Result<()> {
        let insert = self.collection().await?.insert_many(documents).ordered(false);
        match self.answer(Doing::Writing, insert).await {
            Err(error) if error.is_only_stale() => Ok(()),
            inserted => inserted.map(|_| ()).map_err(|error| self.said(error)),
        }
    }

    pub(super) async fn aggregate(&self, stages: [Bare; 4]) -> Result<Vec<RawDocumentBuf>> {
        let found = self.collection().await?.aggregate(stages).with_type::<RawDocumentBuf>();
        let all = async { found.max_time(CALL_WITHIN).await?.try_collect().await };
        self.answer(Doing::Reading, all).await.map_err(|error| self.said(error))
    }

    /// The primary's clock.
    pub(super) async fn clock(&self) -> Result<Option<StoreTime>> {
        let admin = self.collection().await?.client().database("admin");
        let hello = admin.run_command(doc! { "hello": 1 });
        let answer = self.answer(Doing::Reading, hello).await.map_err(|error| self.said(error))?;
        let time = answer.get_datetime("localTime").ok();
        let time = time.and_then(|time| Millis::try_from(time.timestamp_millis()).ok());
        Ok(time.map(|time| time..=time))
    }

    /// Reads and writes like a change, on a document that belongs to no asset: it has no room, and its `_id`
    /// matches no name.
    pub(super) async fn ping(&self) -> Result<()> {
        const PROBE: &str = "~probe";
        self.find(PROBE).await?;
        let over = DateTime::from_millis(DateTime::now().timestamp_millis() + PROBE_LIVES_MS);
        self.set(PROBE, doc! { "expires_at": over }).await
    }

    /// Sets fields of a document, which is created if it is missing.
    pub(super) async fn set(&self, id: &str, fields: Bare) -> Result<()> {
        let set = doc! { "$set": fields };
        let put = self.collection().await?.update_one(doc! { "_id": id }, set).upsert(true);
        match self.answer(Doing::Writing, put).await {
            // Another node created it concurrently.
            Err(error) if error.is_stale() => Ok(()),
            put => put.map(|_| ()).map_err(|error| self.said(error)),
        }
    }

    pub(super) fn said(&self, error: MongoError) -> StoreError {
        let hosts = &self.url.hosts;
        let no_primary =
            || format!("none of {hosts} is a primary, which takes writes (is replicaSet= its set's name?)");
        error.into_store_error(&self.health, no_primary, &self.url.login_database, !self.url.encrypted)
    }

    async fn prepare(&self) -> std::result::Result<RawDocuments, Error> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .write_concern(
                WriteConcern::builder()
                    .w(Acknowledgment::Majority)
                    .w_timeout(CALL_WITHIN)
                    .journal(true)
                    .build(),
            )
            .build();
        let database = client.database(&self.url.database);
        let collection = database.collection_with_options(&self.url.collection, options);
        collection.create_indexes(indexes().into_iter().chain(self.keeps_events.then(index_of_events))).await?;
        tracing::info!(hosts = self.url.hosts, "connected to mongodb");
        Ok(collection)
    }

    /// Creates the client, which connects in the background and on demand.
    async fn connect(&self) -> std::result::Result<MongoClient, Error> {
        let mut options = ClientOptions::parse(self.url.server.clone()).await?;
        options.app_name.get_or_insert_with(|| "asset-arbiter".to_owned());
        options.connect_timeout = Some(CONNECT_WITHIN);
        options.server_selection_timeout = Some(SELECT_WITHIN);
        options.heartbeat_freq = Some(LOOK_EVERY);
        options.max_connecting = Some(CONNECTING);
        options.max_pool_size = Some(self.url.connections);
        // DocumentDB has no retryable writes, and they are not needed, because writes are conditional.
        options.retry_writes = Some(false);
        let health = Arc::clone(&self.health);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| health.hear(event)));
        MongoClient::with_options(options)
    }
}

/// An index by room for the queries on a room, and one by the time at which the server deletes a document.
fn indexes() -> [IndexModel; 2] {
    let at_once = IndexOptions::builder().expire_after(Duration::ZERO).build();
    [
        IndexModel::builder().keys(doc! { "room": 1 }).build(),
        IndexModel::builder().keys(doc! { "expires_at": 1 }).options(at_once).build(),
    ]
}

/// An index by room of the documents in which events wait.
fn index_of_events() -> IndexModel {
    let sparse = IndexOptions::builder().sparse(true).build();
    IndexModel::builder().keys(doc! { "waiting": 1 }).options(sparse).build()
}
