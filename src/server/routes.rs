use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    http::{Method, StatusCode, Uri},
    middleware::from_fn_with_state,
    routing::{MethodRouter, on},
};

use super::{
    App, assets, backend_events,
    error::HttpError,
    events, health, leases,
    middleware::guard,
    overview, revocations, rooms,
    spec::{self, Operation, operations as op},
    static_files, webhooks, ws,
};
use crate::model::ErrorCode;

/// Every operation with its handler. The pages, which are no API, have routes of their own.
fn api() -> Vec<(Operation, MethodRouter<Arc<App>>)> {
    vec![
        route(op::JOIN, ws::upgrade),
        route(op::LISTEN, events::listen),
        route(op::SHOW_NODE, overview::node),
        route(op::LIST_ROOMS, overview::rooms),
        route(op::SHOW_ROOM, rooms::show),
        route(op::REMOVE_ROOM, rooms::remove),
        route(op::RESET_ROOM, rooms::reset),
        route(op::LIST_PLAYERS, overview::players),
        route(op::KICK, rooms::kick),
        route(op::SHOW_PLAYER, overview::player),
        route(op::REVOKE, revocations::revoke),
        route(op::SHOW_REVOCATIONS, revocations::list),
        route(op::TAKE_EVENTS, backend_events::take),
        route(op::ACKNOWLEDGE_EVENTS, backend_events::acknowledge),
        route(op::SHOW_WEBHOOKS, webhooks::list),
        route(op::RESUME_WEBHOOK, webhooks::resume),
        route(op::CREATE_ASSET, assets::create),
        route(op::REMOVE_ASSET, assets::remove),
        route(op::SELECT, assets::select),
        route(op::RELEASE, assets::release),
        route(op::CONFIRM, leases::confirm),
        route(op::EXTEND, leases::extend),
        route(op::RESTOCK, assets::restock),
        route(op::SHOW_HOLDERS, assets::holders),
        route(op::IS_ALIVE, health::alive),
        route(op::IS_READY, health::ready),
        route(op::SHOW_METRICS, health::metrics),
        route(op::OPENAPI, spec::openapi),
        route(op::ASYNCAPI, spec::asyncapi),
    ]
}

fn route<H: Handler<T, Arc<App>>, T: 'static>(
    operation: Operation,
    handler: H,
) -> (Operation, MethodRouter<Arc<App>>) {
    (operation, on(operation.verb.filter(), handler))
}

/// Every operation that is routed.
pub(super) fn operations() -> Vec<Operation> {
    api().into_iter().map(|(operation, _)| operation).collect()
}

/// What is served on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    All,
    /// What players and the API need.
    Players,
    /// What monitoring needs.
    Metrics,
}

/// The routes of a port.
pub(super) fn router(app: &Arc<App>, served: Served) -> Router {
    let is_served = |path| match served {
        Served::All => true,
        Served::Players => !health::MONITORING.contains(&path),
        Served::Metrics => health::MONITORING.contains(&path),
    };
    let operations = api().into_iter().filter(|(operation, _)| is_served(operation.path));
    let pages = if served == Served::Metrics { Router::new() } else { static_files::router() };
    operations
        .fold(Router::new(), |router, (operation, handler)| router.route(operation.path, handler))
        .merge(pages)
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
