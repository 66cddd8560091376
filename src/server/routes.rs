use std::sync::Arc;

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware::from_fn_with_state,
    routing::{delete, get, post, put},
};

use super::{App, assets, error::HttpError, health, middleware::guard, revocations, rooms, static_files, ws};
use crate::model::ErrorCode;

/// All routes.
pub(super) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(ws::ROUTE, get(ws::upgrade))
        .route("/v1/rooms/{room}", get(rooms::show).delete(rooms::remove))
        .route(rooms::KICK, delete(rooms::kick))
        .route(revocations::PATH, get(revocations::list).post(revocations::revoke))
        .route("/v1/rooms/{room}/assets/{asset}", put(assets::create).delete(assets::remove))
        .route("/v1/rooms/{room}/assets/{asset}/select", post(assets::select))
        .route("/v1/rooms/{room}/assets/{asset}/release", post(assets::release))
        .route("/v1/rooms/{room}/assets/{asset}/restock", post(assets::restock))
        .route(assets::HOLDERS, get(assets::holders))
        .route(health::ALIVE, get(health::alive))
        .route(health::READY, get(health::ready))
        .route(health::METRICS, get(health::metrics))
        .merge(static_files::router())
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), guard))
        .with_state(Arc::clone(app))
}

async fn no_such_path(uri: Uri) -> HttpError {
    let path: String = uri.path().chars().take(128).collect();
    HttpError::new(ErrorCode::UnknownPath, format!("there is nothing at {path}"))
}

async fn wrong_method(method: Method) -> HttpError {
    let method: String = method.as_str().chars().take(16).collect();
    let message = format!("{method} does nothing here; the header Allow says what does");
    HttpError::bad(message).with_status(StatusCode::METHOD_NOT_ALLOWED)
}
