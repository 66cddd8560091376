use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{App, error::HttpError, process_metrics};
use crate::model::ErrorCode;

/// Prometheus' text format.
pub(super) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) const ALIVE: &str = "/healthz";
pub(super) const READY: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";

/// What `--metrics-listen` moves to a port of its own.
pub(super) const MONITORING: [&str; 3] = [ALIVE, READY, METRICS];

/// All is well.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    status: Status,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Status {
    Ok,
    Ready,
}

/// `GET /healthz`: 200 while this process answers and its vital tasks run.
pub(super) async fn alive(State(app): State<Arc<App>>) -> Result<Json<Health>, HttpError> {
    app.arbiter.vital().failure().map_or(Ok(()), |why| Err(away(&why)))?;
    Ok(Json(Health { status: Status::Ok }))
}

/// `GET /readyz`: 200 while this node accepts players.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, HttpError> {
    if app.draining.is_cancelled() {
        return Err(away("this node is shutting down"));
    }
    app.arbiter.ready().map_err(|why| away(&why))?;
    Ok(Json(Health { status: Status::Ready }))
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let started = app.metrics.started;
    let of_process = spawn_blocking(move || process_metrics::render(started)).await.unwrap_or_default();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.render() + &of_process).into_response()
}

fn away(message: &str) -> HttpError {
    HttpError::new(ErrorCode::StoreUnavailable, message)
}
