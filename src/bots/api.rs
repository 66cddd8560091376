use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout};

use crate::model::{
    AssetName, AssetOptions, AssetState, Backoff, ErrorCode, Grant, NewAsset, PlayerName, Units,
    limits::HOLDERS_PAGE,
};

use super::{
    AdminKey, BotsError, Config, NodeUrl,
    limits::{BACKOFF, BODY_BYTES, HTTP_TIMEOUT, PATIENCE},
};

/// A client of the server's HTTP API. Requests and responses are limited in size and time. Temporary failures (a
/// restarting node, an unreachable store) are retried at the next node.
#[derive(Debug)]
pub(super) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    nodes: Vec<NodeUrl>,
    /// The node that answered last.
    node: AtomicUsize,
    /// The path of the room.
    room: String,
    admin_key: Option<AdminKey>,
}

#[derive(Serialize)]
struct NewAssetBody<'a> {
    units: Units,
    #[serde(flatten)]
    options: &'a AssetOptions,
}

#[derive(Deserialize)]
struct RoomBody {
    assets: Vec<AssetState>,
}

#[derive(Deserialize)]
struct HoldersBody {
    holders: Vec<Holder>,
    next_after: Option<u64>,
}

#[derive(Deserialize)]
struct Holder {
    player: PlayerName,
    revision: u64,
    at: u64,
    until: Option<u64>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: ErrorCode,
    message: String,
}

impl Api {
    pub(super) fn new(config: &Config, tls: ClientConfig) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            nodes: config.nodes.clone(),
            node: AtomicUsize::new(0),
            room: format!("/v1/rooms/{}", config.room),
            admin_key: config.admin_key.clone(),
        }
    }

    /// Checks that every node answers. Does not retry, so that a wrong address is reported at once.
    pub(super) async fn greet(&self) -> Result<(), BotsError> {
        for node in &self.nodes {
            let answer = self.exchange(node, &Method::GET, "/healthz", None).await?;
            if answer.status() != StatusCode::OK {
                return Err(strange(format!("GET {node}/healthz"), answer.status()));
            }
        }
        Ok(())
    }

    /// Creates an asset, unless it exists with the same units and options.
    pub(super) async fn put(&self, asset: &AssetName, new: &NewAsset) -> Result<AssetState, BotsError> {
        let path = format!("{}/assets/{asset}", self.room);
        let body = serde_json::to_string(&NewAssetBody { units: new.units, options: &new.options });
        let body = body.map_err(|error| strange(format!("PUT {path}"), error))?;
        self.read(Method::PUT, &path, Some(body)).await
    }

    /// Removes an asset, if it exists.
    pub(super) async fn remove(&self, asset: &AssetName) -> Result<(), BotsError> {
        let path = format!("{}/assets/{asset}", self.room);
        if_known(self.ask(&Method::DELETE, &path, None).await).map(drop)
    }

    /// All assets of the room; none if the room is unknown.
    pub(super) async fn assets(&self) -> Result<Vec<AssetState>, BotsError> {
        let room: Option<RoomBody> = if_known(self.read(Method::GET, &self.room, None).await)?;
        Ok(room.map_or_else(Vec::new, |room| room.assets))
    }

    /// All holders of an asset, read page by page; `None` if the asset is unknown.
    pub(super) async fn holders(&self, asset: &AssetName) -> Result<Option<Vec<Grant>>, BotsError> {
        let (mut holders, mut after) = (Vec::new(), 0);
        loop {
            let path = format!("{}/assets/{asset}/holders?after={after}&limit={HOLDERS_PAGE}", self.room);
            let page = if_known(self.read::<HoldersBody>(Method::GET, &path, None).await)?;
            let Some(page) = page else { return Ok(None) };
            let grant =
                |Holder { player, revision, at, until }| Grant { until, ..Grant::plain(player, at, revision) };
            holders.extend(page.holders.into_iter().map(grant));
            match page.next_after {
                None => return Ok(Some(holders)),
                // Otherwise the loop would never end.
                Some(next) if next <= after => return Err(strange(path, "a next_after that is not ahead")),
                Some(next) => after = next,
            }
        }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: Option<String>,
    ) -> Result<T, BotsError> {
        let body = self.ask(&method, path, json).await?;
        serde_json::from_slice(&body).map_err(|error| strange(format!("{method} {path}"), error))
    }

    /// Retries until there is a response, the response is a permanent error, or time runs out.
    async fn ask(&self, method: &Method, path: &str, json: Option<String>) -> Result<Bytes, BotsError> {
        let (begun, json) = (Instant::now(), json.map(Bytes::from));
        let mut backoff = Backoff::new(BACKOFF.0, Duration::from_secs(2));
        loop {
            let at = self.node.load(Ordering::Relaxed);
            let node = &self.nodes[at % self.nodes.len()];
            let failure = match self.exchange(node, method, path, json.clone()).await {
                Ok(answer) if answer.status().is_success() => return Ok(answer.into_body()),
                Ok(answer) => {
                    let (may_pass, refused) = refusal(format!("{method} {path}"), &answer);
                    if !may_pass {
                        return Err(refused);
                    }
                    refused
                }
                Err(unreachable) => unreachable,
            };
            let wait = backoff.next_pause();
            if begun.elapsed() + wait > PATIENCE {
                return Err(failure);
            }
            self.node.store(at.wrapping_add(1), Ordering::Relaxed);
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends one request to `node`.
    async fn exchange(
        &self,
        node: &NodeUrl,
        method: &Method,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<Response<Bytes>, BotsError> {
        let exchange = async {
            let mut request = Request::builder().method(method).uri(node.http(path));
            if let Some(AdminKey(key)) = &self.admin_key {
                request = request.header(header::AUTHORIZATION, key);
            }
            if json.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            let request =
                request.body(Full::new(json.unwrap_or_default())).map_err(|error| error.to_string())?;
            let response = self.client.request(request).await.map_err(|error| root_cause(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES).collect().await.map_err(|error| error.to_string())?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let answer = timeout(HTTP_TIMEOUT, exchange).await;
        answer
            .unwrap_or_else(|_| Err(format!("no answer within {} s", HTTP_TIMEOUT.as_secs())))
            .map_err(|reason| BotsError::Unreachable { url: node.to_string(), reason })
    }
}

/// `None` if the server knows no such room or asset.
fn if_known<T>(answer: Result<T, BotsError>) -> Result<Option<T>, BotsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(BotsError::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn strange(what: String, reason: impl ToString) -> BotsError {
    BotsError::Strange { what, reason: reason.to_string() }
}

/// A refusal, and whether a retry may succeed: by the error's code, or by the status if the response is a proxy's.
fn refusal(what: String, answer: &Response<Bytes>) -> (bool, BotsError) {
    let status = answer.status();
    let (may_pass, message) = match serde_json::from_slice(answer.body()) {
        Ok(ErrorBody { code, message }) => (code.temporary(), format!("{}: {message}", code.as_str())),
        Err(_) => {
            let may_pass = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            (may_pass, "(no reason given)".to_owned())
        }
    };
    (may_pass, BotsError::Refused { what, status: status.as_u16(), message, advice: advice(status) })
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "give the server's admin key with --admin-key-file",
        StatusCode::CONFLICT => {
            "the room has these assets with other --units or --hold: take those, or another --room"
        }
        StatusCode::TOO_MANY_REQUESTS => "raise the server's limits, or take fewer --assets",
        _ => "see the server's log",
    }
}

/// The innermost error, because `client error (Connect)` is less helpful than `Connection refused`.
fn root_cause(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}
