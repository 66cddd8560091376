use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    App, assets, backend_events,
    caller::{Caller, Excess},
    cors::Cors,
    error::HttpError,
    events, handshake, health, history,
    hosts::WrongHost,
    origins, overview,
    query::Parameters,
    rooms, ws,
};
use crate::model::ErrorCode;

/// The routes that a full node still answers: a client that joins gets a close code, and monitoring must not mistake a full
/// node for a dead one. `/readyz` is not included, because a full node accepts no players.
const WHEN_FULL: [&str; 4] = [ws::ROUTE, events::ROUTE, health::ALIVE, health::METRICS];

/// The routes exempt from the host check: they reveal only liveness, and a probe may not know the node's name.
const PROBES: [&str; 2] = [health::ALIVE, health::READY];

/// Paths under this prefix reject query parameters unless a handler reads them.
const API: &str = "/v1/";
/// The routes whose handlers read query parameters.
const WITH_PARAMETERS: [&str; 9] = [
    ws::ROUTE,
    events::ROUTE,
    assets::HOLDERS,
    history::PATH,
    rooms::KICK,
    overview::ROOMS,
    overview::PLAYERS,
    overview::PLAYER,
    backend_events::PATH,
];

/// Checks every request and decorates every response.
pub(super) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let mut caller = request.extensions_mut().remove::<Caller>().unwrap_or_default();
    let identified = caller.identify(&app, request.headers());
    request.extensions_mut().insert(caller.clone());
    if route == ws::ROUTE {
        handshake::take_lists(request.headers_mut());
    }
    let cors = Cors::of(&request, &app.settings.allow_origin);
    let mut response = match identified.and_then(|()| check(&app, &request, route, caller.excess)) {
        Err(error) => {
            if route == ws::ROUTE {
                app.player_log.refused_handshake(&error);
            }
            error.into_response()
        }
        Ok(()) => match cors.preflight(&request) {
            Some(answer) => answer,
            None => next.run(request).await,
        },
    };
    app.metrics.answered(route, response.status().as_u16());
    if route == ws::ROUTE {
        handshake::say_what_is_spoken(&mut response);
    }
    let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if !upgraded {
        cors.share(headers);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if caller.excess.is_some() && !upgraded {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn check(app: &App, request: &Request, route: &str, excess: Option<Excess>) -> Result<(), HttpError> {
    check_host(app, request, route)?;
    if let Some(excess) = excess.filter(|_| !WHEN_FULL.contains(&route)) {
        return Err(excess.error());
    }
    // Otherwise any page open in a player's browser could act here as the player. A WebSocket is refused with a close
    // code.
    // Whoever reads events has them in hand for a while.
    if !matches!(*request.method(), Method::GET | Method::HEAD) || route == backend_events::PATH {
        check_origin(app, request.headers())?;
    }
    if route.starts_with(API) && !WITH_PARAMETERS.contains(&route) {
        Parameters::parse(request.uri().query(), &[])?;
    }
    Ok(())
}

fn check_host(app: &App, request: &Request, route: &str) -> Result<(), HttpError> {
    match app.hosts.check(request.version(), request.uri(), request.headers()) {
        Ok(()) => Ok(()),
        Err(WrongHost::Unclear(why)) => Err(HttpError::bad(why).closing()),
        Err(WrongHost::Foreign(_)) if PROBES.contains(&route) => Ok(()),
        Err(WrongHost::Foreign(host)) => {
            app.foreign_log.host(&host, request.headers());
            let message = format!(
                "this server is not known as {:?}; if that is its name, the operator can allow it with --allow-origin",
                host.chars().take(128).collect::<String>()
            );
            Err(HttpError::new(ErrorCode::Forbidden, message))
        }
    }
}

fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), HttpError> {
    origins::check(&app.settings.allow_origin, app.tls.is_some(), headers).map_err(|origin| {
        app.foreign_log.origin(&origin, headers);
        HttpError::new(ErrorCode::Forbidden, origins::FOREIGN)
    })
}
