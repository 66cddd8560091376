use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{App, connection::Surplus, failure::Failure, health, ws};
use crate::model::ErrorCode;

/// What a full node still answers: a WebSocket is closed with a reason, and who watches over the node must not take a full
/// one for a dead one. `/readyz` is not among them: nobody should be sent here.
const WHEN_FULL: [&str; 3] = [ws::ROUTE, health::ALIVE, health::METRICS];

/// What every request passes on its way in, and every response on its way out.
pub(super) async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let surplus = request.extensions().get::<Surplus>().is_some();
    let mut response = match refusal(&app, &request, surplus && !WHEN_FULL.contains(&route)) {
        Some(failure) => failure.into_response(),
        None => next.run(request).await,
    };
    app.metrics.answered(route, response.status().as_u16());
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if surplus && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn refusal(app: &App, request: &Request, full: bool) -> Option<Failure> {
    if full {
        let message = "this node has as many connections as it takes (--max-connections)";
        let failure =
            Failure::new(ErrorCode::LimitReached, message).with_status(StatusCode::SERVICE_UNAVAILABLE);
        return Some(failure.for_now().closing());
    }
    // Otherwise any page a player has open could change things here in the player's place.
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && !app.origins.allows(request.headers()) {
        let message = "pages of this origin may not do this; the operator can allow it with --allow-origin";
        return Some(Failure::new(ErrorCode::Forbidden, message));
    }
    None
}
