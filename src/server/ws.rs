use std::{pin::pin, sync::Arc, task::Poll};

use axum::{
    Extension,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use futures::poll;
use tracing::{Instrument, Span};

use super::{
    App,
    caller::Caller,
    error::HttpError,
    join::{Asked, JoinRequest},
    path::InRoom,
    session::{self, Session, Socket},
    upgrade::Upgrade,
};

/// The one route that becomes a WebSocket.
pub(super) const ROUTE: &str = "/v1/rooms/{room}/ws";

/// `GET /v1/rooms/{room}/ws?player=PLAYER&name=NAME&epoch=E&offset=O`: an invalid name is refused before the upgrade.
/// Every other error is a close code after it.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    room: Result<InRoom, HttpError>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: Result<Upgrade, HttpError>,
) -> Result<Response, HttpError> {
    let answer = room.and_then(|room| accept(&app, room, query.as_deref(), caller, &headers, upgrade));
    answer.inspect_err(|error| app.player_log.refused_handshake(error))
}

fn accept(
    app: &Arc<App>,
    InRoom(room): InRoom,
    query: Option<&str>,
    caller: Caller,
    headers: &HeaderMap,
    upgrade: Result<Upgrade, HttpError>,
) -> Result<Response, HttpError> {
    let asked = Asked::parse(query)?;
    let upgrade = upgrade?;
    let request = JoinRequest::new(app, room, asked, &caller, headers, app.settings.ping_interval);
    let (app, span) = (Arc::clone(app), Span::current());
    let max_message = app.settings.max_message;
    let open = move |socket, response| open(app, socket, response, request, span);
    Ok(upgrade.serve(max_message, caller.held, open))
}

/// Joins the room. The response to the handshake and the welcome leave in one write, unless joining takes time.
async fn open(
    app: Arc<App>,
    mut socket: Socket,
    mut response: Vec<u8>,
    request: JoinRequest,
    span: Span,
) -> Option<impl Future<Output = ()> + Send> {
    let joining = request.enter(&app).instrument(span.clone());
    match respond_late(&mut socket, &mut response, joining).await {
        Ok((member, token)) => Some(run(Session::new(&app, socket, response, member, token), app, span)),
        Err(denied) => {
            let end = session::refuse(socket, &response, denied).instrument(span).await;
            app.connections.meters.ended(end);
            None
        }
    }
}

/// Runs a session. Leaving is in the connection's span. The session itself is not, because entering a span at each
/// wake-up costs as much as a decision.
#[allow(clippy::manual_async_fn, reason = "an async function keeps its parameters twice, a block once")]
fn run(mut session: Session, app: Arc<App>, span: Span) -> impl Future<Output = ()> + Send {
    async move {
        let end = session.run().await;
        span.in_scope(|| app.player_log.left(&session.requests.member, end, session.entry.stayed()));
        app.connections.meters.ended(end);
    }
}

/// Waits for `joining`. Sends the response meanwhile, and takes it, if that takes time.
async fn respond_late<T>(socket: &mut Socket, response: &mut Vec<u8>, joining: impl Future<Output = T>) -> T {
    let mut joining = pin!(joining);
    if let Poll::Ready(joined) = poll!(&mut joining) {
        return joined;
    }
    // If this fails, the session fails, too.
    let _ = socket.send(&std::mem::take(response)).await;
    joining.await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the state that is kept across awaits.
    fn kept<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_keeps_little_while_it_idles() {
        assert!(kept(run) <= 1024, "{} bytes for every connection", kept(run));
    }
}
