//! Sends requests to the cache with the vendor's generated stubs, because the vendor's client cannot request
//! consistent reads, and only those are reliable.

use std::{future::Future, time::Duration};

use momento_protos::{
    cache_client::{
        ECacheResult, GetBatchRequest, GetRequest, GetResponse, SetDifferenceRequest, SetFetchRequest,
        SetIfRequest, SetUnionRequest,
        scs_client::ScsClient,
        set_difference_request::{Difference, Subtrahend, subtrahend::SubtrahendSet},
        set_fetch_response::Set,
        set_if_request::Condition,
        set_if_response,
    },
    common::{Absent, Equal},
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::{error::MomentoError, key::Access};
use crate::model::{Backoff, jittered};

/// A client of one cache. All requests share a connection, which is opened on demand and replaced when it stops
/// responding.
pub(super) struct Client {
    endpoint: Endpoint,
    address: String,
    cache: String,
    /// The headers of every request.
    headers: [(&'static str, MetadataValue<Ascii>); 2],
    connection: Mutex<Connection>,
}

/// One connection.
#[derive(Clone)]
struct Connection {
    client: ScsClient<Channel>,
    since: Instant,
}

/// The consistency of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sees {
    /// Sees every write answered before.
    All,
    /// May miss the latest writes, for a sixth of the cost.
    Most,
}

/// The timeout of a request: a change is a read, which may be retried once, and a write, and an attempt of the
/// arbiter has half its deadline, which is at least 5 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// The timeout of name resolution, handshake and certificate checks.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// As in the vendor's own clients.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_WITHIN: Duration = Duration::from_secs(1);
/// How often a rate-limited request is tried: limits are per second, and a caller waits no longer than that.
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Maximum bytes of an answer: 10,000 revocations of the greatest length.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of items per request.
const ITEMS_AT_ONCE: usize = 64;

type Result<T> = std::result::Result<T, MomentoError>;

impl Client {
    /// Creates a client that connects on first use.
    ///
    /// # Errors
    /// One line that says what is wrong with the address or the key.
    pub(super) fn open(access: &Access, cache: &str) -> std::result::Result<Self, String> {
        let unusable = |what: &str| format!("{what} has characters in it that cannot be sent");
        let endpoint = Endpoint::from_shared(access.address.clone()).map_err(|_| unusable("the endpoint"))?;
        let endpoint = endpoint
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_WITHIN)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        let endpoint = if access.address.starts_with("https:") {
            let tls = ClientTlsConfig::new().with_webpki_roots();
            endpoint.tls_config(tls).map_err(|error| error.to_string())?
        } else {
            endpoint
        };
        let mut token: MetadataValue<Ascii> = access.token.parse().map_err(|_| unusable("the API key"))?;
        token.set_sensitive(true);
        let name = cache.parse().map_err(|_| unusable("the cache's name"))?;
        let connection = Mutex::new(Connection::to(&endpoint));
        let (address, cache) = (access.address.clone(), cache.to_owned());
        Ok(Self { endpoint, address, cache, headers: [("authorization", token), ("cache", name)], connection })
    }

    /// Reads the value of a key.
    pub(super) async fn get(&self, key: String, sees: Sees) -> Result<Option<Vec<u8>>> {
        let question = GetRequest { cache_key: key.into_bytes() };
        let ask = |mut client: ScsClient<Channel>, request| async move { client.get(request).await };
        found(self.read(question, sees, ask).await?)
    }

    /// Reads the values of keys, in their order.
    pub(super) async fn get_all(&self, keys: &[String], sees: Sees) -> Result<Vec<Option<Vec<u8>>>> {
        let mut all = Vec::with_capacity(keys.len());
        for keys in keys.chunks(ITEMS_AT_ONCE) {
            let items = keys.iter().map(|key| GetRequest { cache_key: key.clone().into_bytes() }).collect();
            let ask = |mut client: ScsClient<Channel>, request| async move {
                let mut answers = client.get_batch(request).await?.into_inner();
                let mut items = Vec::new();
                while let Some(item) = answers.message().await? {
                    items.push(item);
                }
                Ok(Response::new(items))
            };
            let items = self.read(GetBatchRequest { items }, sees, ask).await?;
            if items.len() != keys.len() {
                return Err(MomentoError::Odd(format!(
                    "{} items were asked for, {} came",
                    keys.len(),
                    items.len()
                )));
            }
            for item in items {
                all.push(found(item)?);
            }
        }
        Ok(all)
    }

    /// Sets a value if the key still has exactly the bytes `seen`, or no value if that is `None`.
    pub(super) async fn set_if(
        &self,
        key: String,
        seen: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl: Duration,
    ) -> Result<bool> {
        let condition = match seen {
            Some(value_to_check) => Condition::Equal(Equal { value_to_check }),
            None => Condition::Absent(Absent {}),
        };
        let question = SetIfRequest {
            cache_key: key.into_bytes(),
            cache_body: value,
            ttl_milliseconds: milliseconds(ttl),
            condition: Some(condition),
        };
        let ask = |mut client: ScsClient<Channel>, request| async move { client.set_if(request).await };
        match self.ask(question, Sees::Most, ask).await?.result {
            Some(set_if_response::Result::Stored(_)) => Ok(true),
            Some(set_if_response::Result::NotStored(_)) => Ok(false),
            None => Err(MomentoError::Lost(Status::unknown("a conditional write was answered with nothing"))),
        }
    }

    /// Adds names to a set and restarts its time to live.
    pub(super) async fn add(&self, set: String, names: Vec<String>, ttl: Duration) -> Result<()> {
        let question = SetUnionRequest {
            set_name: set.into_bytes(),
            elements: names.into_iter().map(String::into_bytes).collect(),
            ttl_milliseconds: milliseconds(ttl),
            refresh_ttl: true,
        };
        let ask = |mut client: ScsClient<Channel>, request| async move { client.set_union(request).await };
        self.ask(question, Sees::Most, ask).await.map(drop)
    }

    /// Removes names from a set.
    pub(super) async fn take_out(&self, set: String, names: Vec<String>) -> Result<()> {
        let elements = names.into_iter().map(String::into_bytes).collect();
        let subtrahend_set =
            Some(SubtrahendSet::Set(momento_protos::cache_client::set_difference_request::subtrahend::Set {
                elements,
            }));
        let difference = Some(Difference::Subtrahend(Subtrahend { subtrahend_set }));
        let question = SetDifferenceRequest { set_name: set.into_bytes(), difference };
        let ask = |mut client: ScsClient<Channel>, request| async move { client.set_difference(request).await };
        self.ask(question, Sees::Most, ask).await.map(drop)
    }

    /// Reads the names in a set.
    pub(super) async fn names(&self, set: String) -> Result<Vec<Vec<u8>>> {
        let question = SetFetchRequest { set_name: set.into_bytes() };
        let ask = |mut client: ScsClient<Channel>, request| async move { client.set_fetch(request).await };
        match self.read(question, Sees::All, ask).await?.set {
            Some(Set::Found(found)) => Ok(found.elements),
            Some(Set::Missing(_)) => Ok(Vec::new()),
            None => Err(MomentoError::Odd("a set was answered with nothing".to_owned())),
        }
    }

    /// Sends a read, and retries it if the connection broke or the answer timed out.
    async fn read<Q, A, F>(
        &self,
        question: Q,
        sees: Sees,
        send: impl Fn(ScsClient<Channel>, Request<Q>) -> F,
    ) -> Result<A>
    where
        Q: Clone,
        F: Future<Output = std::result::Result<Response<A>, Status>>,
    {
        match self.ask(question.clone(), sees, &send).await {
            Err(MomentoError::Lost(_) | MomentoError::Silent) => self.ask(question, sees, &send).await,
            answer => answer,
        }
    }

    /// Sends a request, and retries it while it is rate-limited, because then it had no effect.
    async fn ask<Q, A, F>(
        &self,
        question: Q,
        sees: Sees,
        send: impl Fn(ScsClient<Channel>, Request<Q>) -> F,
    ) -> Result<A>
    where
        Q: Clone,
        F: Future<Output = std::result::Result<Response<A>, Status>>,
    {
        let mut backoff = Backoff::new(FIRST_PAUSE, Duration::MAX);
        for _ in 1..TRIES {
            match self.ask_once(question.clone(), sees, &send).await {
                Err(MomentoError::Limited(why)) => tracing::debug!("{why}; trying again"),
                answer => return answer,
            }
            sleep(jittered(backoff.next_pause(), fastrand::f64())).await;
        }
        self.ask_once(question, sees, &send).await
    }

    async fn ask_once<Q, A, F>(
        &self,
        question: Q,
        sees: Sees,
        send: impl Fn(ScsClient<Channel>, Request<Q>) -> F,
    ) -> Result<A>
    where
        F: Future<Output = std::result::Result<Response<A>, Status>>,
    {
        let connection = self.connection.lock().clone();
        let answer = timeout(ANSWER_WITHIN, send(connection.client, self.request(question, sees))).await;
        let answer = match answer {
            Ok(answer) => answer.map_err(|status| MomentoError::of(status, &self.cache, &self.address)),
            Err(_) => Err(MomentoError::Silent),
        };
        if matches!(answer, Err(MomentoError::Silent)) {
            self.renew(connection.since);
        }
        answer.map(Response::into_inner)
    }

    fn request<Q>(&self, question: Q, sees: Sees) -> Request<Q> {
        let mut request = Request::new(question);
        // The server need not start a request that has timed out here.
        request.set_timeout(ANSWER_WITHIN);
        for (name, value) in &self.headers {
            request.metadata_mut().insert(*name, value.clone());
        }
        if sees == Sees::All {
            request.metadata_mut().insert("read-concern", MetadataValue::from_static("consistent"));
        }
        request
    }

    /// Replaces the connection, unless it has been replaced since that time.
    fn renew(&self, silent: Instant) {
        let mut connection = self.connection.lock();
        if connection.since == silent {
            tracing::warn!(server = self.address, "no answer within {ANSWER_WITHIN:?}; connecting anew");
            *connection = Connection::to(&self.endpoint);
        }
    }
}

impl Connection {
    fn to(endpoint: &Endpoint) -> Self {
        let client = ScsClient::new(endpoint.connect_lazy()).max_decoding_message_size(ANSWER_BYTES);
        Self { client, since: Instant::now() }
    }
}

fn found(answer: GetResponse) -> Result<Option<Vec<u8>>> {
    match answer.result() {
        ECacheResult::Hit => Ok(Some(answer.cache_body)),
        ECacheResult::Miss => Ok(None),
        other => Err(MomentoError::Odd(format!("a read was answered with {other:?} {}", answer.message))),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
