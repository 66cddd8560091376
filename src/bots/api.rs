use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::Instant;

use crate::model::{AssetName, AssetState, Backoff, ErrorCode, RoomName, Units, limits::HOLDERS_PAGE};

use super::{
    AdminKey, BotsError, NodeUrl,
    http::{Ask, Http, HttpAnswer},
    limits::{BACKOFF, PATIENCE},
    stored::Holder,
};

/// A client of the server's HTTP API. Temporary failures (a restarting node, an unreachable store) are retried at the
/// next node.
#[derive(Debug)]
pub(super) struct Api {
    http: Http,
    nodes: Vec<NodeUrl>,
    /// The node that answered last.
    node: AtomicUsize,
    room: RoomName,
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
struct ErrorBody {
    code: ErrorCode,
    message: String,
}

impl Api {
    pub(super) fn new(nodes: Vec<NodeUrl>, room: RoomName, admin_key: Option<AdminKey>) -> Self {
        Self { http: Http::new(admin_key), nodes, node: AtomicUsize::new(0), room }
    }

    /// Checks that every node answers. Does not retry, so that a wrong address is reported at once.
    pub(super) async fn greet(&self) -> Result<(), BotsError> {
        for node in &self.nodes {
            let answer = self.http.ask(node, &Ask::get("/healthz".into())).await;
            let answer = answer.map_err(|reason| BotsError::Unreachable { url: node.to_string(), reason })?;
            if answer.status != StatusCode::OK {
                return Err(strange(&format!("GET {node}/healthz"), answer.status));
            }
        }
        Ok(())
    }

    /// Creates an asset, unless it exists with the same units.
    pub(super) async fn put(&self, asset: &AssetName, units: Units) -> Result<AssetState, BotsError> {
        let json = Some(format!("{{\"units\":{units}}}"));
        let ask = Ask { method: Method::PUT, path: self.path(&format!("/assets/{asset}")), json };
        parse(&ask, &self.ask(&ask).await?)
    }

    /// Removes an asset, if it exists.
    pub(super) async fn remove(&self, asset: &AssetName) -> Result<(), BotsError> {
        let ask = Ask { method: Method::DELETE, path: self.path(&format!("/assets/{asset}")), json: None };
        match self.ask(&ask).await {
            Ok(_) | Err(BotsError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// All assets of the room; none if the room is unknown.
    pub(super) async fn assets(&self) -> Result<Vec<AssetState>, BotsError> {
        let ask = Ask::get(self.path(""));
        match self.ask(&ask).await {
            Ok(answer) => Ok(parse::<RoomBody>(&ask, &answer)?.assets),
            Err(BotsError::Refused { status: 404, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// All holders of an asset, read page by page.
    pub(super) async fn holders(&self, asset: &AssetName) -> Result<Vec<Holder>, BotsError> {
        let mut holders: Vec<Holder> = Vec::new();
        let mut after = 0;
        loop {
            let ask =
                Ask::get(self.path(&format!("/assets/{asset}/holders?after={after}&limit={HOLDERS_PAGE}")));
            let page: HoldersBody = parse(&ask, &self.ask(&ask).await?)?;
            holders.extend(page.holders);
            match page.next_after {
                None => return Ok(holders),
                // Otherwise the loop would never end.
                Some(next) if next <= after => {
                    return Err(strange(&ask.path, "a next_after that is not ahead"));
                }
                Some(next) => after = next,
            }
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/rooms/{}{rest}", self.room)
    }

    /// Retries until there is a response, the response is a permanent error, or time runs out.
    async fn ask(&self, ask: &Ask) -> Result<HttpAnswer, BotsError> {
        let begun = Instant::now();
        let mut backoff = Backoff::new(BACKOFF.0, Duration::from_secs(2));
        loop {
            let at = self.node.load(Ordering::Relaxed);
            let node = &self.nodes[at % self.nodes.len()];
            let failure = match self.http.ask(node, ask).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) if !may_pass(&answer) => return Err(refused(ask, &answer)),
                Ok(answer) => refused(ask, &answer),
                Err(reason) => BotsError::Unreachable { url: node.to_string(), reason },
            };
            let wait = backoff.next_pause();
            if begun.elapsed() + wait > PATIENCE {
                return Err(failure);
            }
            self.node.store(at.wrapping_add(1), Ordering::Relaxed);
            tokio::time::sleep(wait).await;
        }
    }
}

/// Returns true if a retry may succeed, by the error's code, or by the status if the response is a proxy's.
fn may_pass(answer: &HttpAnswer) -> bool {
    match serde_json::from_slice::<ErrorBody>(&answer.body) {
        Ok(body) => body.code.temporary(),
        Err(_) => answer.status == StatusCode::TOO_MANY_REQUESTS || answer.status.is_server_error(),
    }
}

fn parse<T: DeserializeOwned>(ask: &Ask, answer: &HttpAnswer) -> Result<T, BotsError> {
    serde_json::from_slice(&answer.body)
        .map_err(|error| strange(&format!("{} {}", ask.method, ask.path), error))
}

fn strange(what: &str, reason: impl std::fmt::Display) -> BotsError {
    BotsError::Strange { what: what.to_owned(), reason: reason.to_string() }
}

fn refused(ask: &Ask, answer: &HttpAnswer) -> BotsError {
    let message = match serde_json::from_slice::<ErrorBody>(&answer.body) {
        Ok(body) => format!("{}: {}", body.code.as_str(), body.message),
        Err(_) => "(no reason given)".to_owned(),
    };
    let what = format!("{} {}", ask.method, ask.path);
    BotsError::Refused { what, status: answer.status.as_u16(), message, advice: advice(answer.status) }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "give the server's admin key with --admin-key-file",
        StatusCode::CONFLICT => "the room has these assets with other --units: take those, or another --room",
        StatusCode::TOO_MANY_REQUESTS => "raise the server's limits, or take fewer --assets",
        _ => "see the server's log",
    }
}
