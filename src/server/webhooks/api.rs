//! The webhook as operators see it.

use std::sync::Arc;

use axum::{Json, extract::State as Shared};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Webhooks, reason_text};
use crate::{
    model::{ErrorCode, Millis},
    server::{
        App,
        audit::{Audit, Target},
        auth::Admin,
        error::HttpError,
        operator::Operator,
    },
};

pub(in crate::server) const PATH: &str = "/v1/webhooks";
pub(in crate::server) const RESUME: &str = "/v1/webhooks/resume";

/// The webhook, if there is one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhooks")]
pub(in crate::server) struct WebhookList {
    #[schemars(extend("maxItems" = 1))]
    webhooks: Vec<Webhook>,
}

/// Where events are sent, and whether they arrive, as far as this node knows.
#[derive(Serialize, JsonSchema)]
struct Webhook {
    /// Its address, without the query.
    url: String,
    state: State,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Since when it is paused, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Millis>,
    /// The first failed attempt after the last success, in Unix milliseconds; absent if the last attempt succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Millis>,
    /// Why the last attempt failed, if none has succeeded since.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    /// The age of the oldest event that this node knows to wait, in seconds; 0 if it knows none.
    lag_seconds: f64,
    /// The events that this node knows to wait, at most 100 of each room.
    waiting: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum State {
    /// Events are sent.
    Active,
    /// Nothing is sent until an operator resumes it.
    Paused,
}

impl WebhookList {
    fn of(app: &App) -> Json<Self> {
        Json(Self { webhooks: app.webhooks.iter().map(|webhooks| Webhook::of(webhooks)).collect() })
    }
}

impl Webhook {
    fn of(webhooks: &Webhooks) -> Self {
        let (waiting, lag_seconds) = webhooks.backlog();
        let standing = &webhooks.state.lock().standing;
        let pause = standing.pause;
        Self {
            url: webhooks.endpoint.url.to_string(),
            state: if pause.is_some() { State::Paused } else { State::Active },
            reason: pause.map(|pause| reason_text(pause.reason)),
            since: pause.map(|pause| pause.since),
            failing_since: standing.failing_since,
            last_failure: standing.last_failure.clone(),
            lag_seconds,
            waiting,
        }
    }
}

/// `GET /v1/webhooks`
pub(in crate::server) async fn list(Shared(app): Shared<Arc<App>>, _: Operator) -> Json<WebhookList> {
    WebhookList::of(&app)
}

/// `POST /v1/webhooks/resume`: sends what waits now, on all nodes.
pub(in crate::server) async fn resume(
    Shared(app): Shared<Arc<App>>,
    admin: Admin,
    audit: Audit,
) -> Result<Json<WebhookList>, HttpError> {
    let resumed = app.webhooks.as_ref().map(|webhooks| webhooks.resume()).ok_or_else(|| {
        HttpError::new(ErrorCode::Conflict, "there is no webhook to resume: start the server with --webhook")
    });
    audit.log(admin, Target::default(), "resume the webhook", &resumed);
    resumed.map(|()| WebhookList::of(&app))
}
