use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{App, error::HttpError};
use crate::model::ErrorCode;

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) const ALIVE: &str = "/healthz";
pub(super) const READY: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";

/// `GET /healthz`: 200 while this process answers and its vital tasks run.
pub(super) async fn alive(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    app.arbiter.vital().failure().map_or(Ok(()), |why| Err(away(&why)))?;
    Ok(Json(json!({"status": "ok"})))
}

/// `GET /readyz`: 200 while this node accepts players.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, HttpError> {
    if app.draining.is_cancelled() {
        return Err(away("this node is shutting down"));
    }
    app.arbiter.ready().map_err(|why| away(&why))?;
    Ok(Json(json!({"status": "ready"})))
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.render()).into_response()
}

fn away(message: &str) -> HttpError {
    HttpError::new(ErrorCode::StoreUnavailable, message)
}
