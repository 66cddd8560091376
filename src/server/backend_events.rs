//! The changes that the store keeps as events, for the game's own backend.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    App,
    auth::Admin,
    body::{Object, Shape},
    error::HttpError,
    query::Parameters,
};
use crate::model::{EventId, ShownEvent, duration, limits::EVENTS_PAGE};

pub(super) const PATH: &str = "/v1/events";
pub(super) const ACK: &str = "/v1/events/ack";

/// How many events an answer has, unless `limit` says it.
const LIMIT: usize = 100;
/// A name of a room or an asset, as in `model/name.rs`, with its length.
macro_rules! name {
    () => {
        r"([A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,63}|\.[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,62}|\.\.[A-Za-z0-9_.:-]{1,62})"
    };
}

/// What ids look like.
const ID: &str =
    concat!("^", name!(), "/", name!(), "/[0-9a-f]{16}/((0|[1-9][0-9]{0,18})-)?(0|[1-9][0-9]{0,18})$");

/// The longest `wait`.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// `GET /v1/events?limit=&wait=`: the oldest events that are not acknowledged and that nobody else has in hand.
pub(super) async fn take(
    State(app): State<Arc<App>>,
    _: Admin,
    RawQuery(query): RawQuery,
) -> Result<Json<Events>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &["limit", "wait"])?;
    let (limit, wait) = (limit(query.get("limit"))?, wait(query.get("wait"))?);
    // A shutdown waits for answers.
    let wait = if app.draining.is_cancelled() { Duration::ZERO } else { wait };
    let taken = app.arbiter.outbox().take(limit, wait);
    let events = tokio::select! {
        biased;
        events = taken => events?,
        () = app.draining.cancelled() => Vec::new(),
    };
    Ok(Json(Events { events }))
}

/// `POST /v1/events/ack`: these are not handed out again.
pub(super) async fn acknowledge(
    State(app): State<Arc<App>>,
    _: Admin,
    Object(body): Object<Acknowledge>,
) -> Result<StatusCode, HttpError> {
    app.arbiter.outbox().acknowledge(body.ids()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn limit(given: Option<&str>) -> Result<usize, HttpError> {
    let Some(given) = given else { return Ok(LIMIT) };
    let limit = given.parse().ok().filter(|limit| (1..=EVENTS_PAGE).contains(limit));
    limit.ok_or_else(|| HttpError::bad(format!("limit must be 1 to {EVENTS_PAGE}, not {given:?}")))
}

fn wait(given: Option<&str>) -> Result<Duration, HttpError> {
    let Some(given) = given else { return Ok(Duration::ZERO) };
    let wait = duration(given).ok().filter(|wait| *wait <= LONGEST_WAIT);
    wait.ok_or_else(|| {
        HttpError::bad(format!("wait must be a time up to {LONGEST_WAIT:?}, such as 30s, not {given:?}"))
    })
}

/// Some events, those of one asset in the order of its changes.
#[derive(Serialize, JsonSchema)]
pub(super) struct Events {
    events: Vec<ShownEvent>,
}

/// The events to acknowledge.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledge {
    /// The `id` of each.
    #[schemars(length(max = EVENTS_PAGE), inner(regex(pattern = ID)))]
    ids: Vec<String>,
}

impl Shape for Acknowledge {
    const EXAMPLE: &str = r#"{"ids":["arena/sword/01a3b5c7d9e1f203/1"]}"#;
    /// Names have 64 bytes at most, and numbers 20 digits.
    const MOST_BYTES: Option<usize> = Some(EVENTS_PAGE * 256);
}

impl Acknowledge {
    fn ids(&self) -> Result<Vec<EventId>, HttpError> {
        if self.ids.len() > EVENTS_PAGE {
            let count = self.ids.len();
            return Err(HttpError::bad(format!("\"ids\" has at most {EVENTS_PAGE} ids, not {count}")));
        }
        let parsed = self.ids.iter().map(|id| {
            let shown: String = id.chars().take(200).collect();
            id.parse().map_err(|_| {
                HttpError::bad(format!(
                    "{shown:?} is no id of an event: send each \"id\" as GET {PATH} gave it"
                ))
            })
        });
        parsed.collect()
    }
}
