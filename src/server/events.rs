use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    App,
    access::Denied,
    caller::Caller,
    closing,
    connections::comment_interval,
    error::HttpError,
    event_stream::{EventStream, close_event},
    head_watch::HeadWatch,
    join::{Asked, JoinRequest, parse_epoch, parse_offset},
    meters::End,
    path::InRoom,
};
use crate::{arbiter::Resume, model::CloseCode};

/// The route of [`listen`].
pub(super) const ROUTE: &str = "/v1/rooms/{room}/events";
/// What [`listen`] answers.
pub(super) const EVENT_STREAM: &str = "text/event-stream";
/// The header with the `id` of the last event that a client got.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// nginx passes an answer with this header on as it comes.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// `GET /v1/rooms/{room}/events?player=PLAYER&name=NAME`: joins the room, and streams its frames as Server-Sent Events. An
/// `EventSource` never comes back from an HTTP error, so what will pass is told in a stream: one `close` event.
pub(super) async fn listen(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    Extension(watch): Extension<Arc<HeadWatch>>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, HttpError> {
    let mut asked = Asked::parse(query.as_deref())?;
    match Position::of(&headers)? {
        Position::Closed => return Ok(StatusCode::NO_CONTENT.into_response()),
        Position::After(resume) => asked.resume = Some(resume),
        Position::Unknown => {}
    }
    if method == Method::HEAD {
        return Ok(stream(Body::empty()));
    }
    let request = JoinRequest::new(&app, room, asked, &caller, &headers, comment_interval(&app.settings));
    match request.enter(&app).await {
        Ok((member, token)) => Ok(stream(Body::new(EventStream::new(&app, member, token, watch, caller.held)))),
        Err(denied) => refuse(&app, denied),
    }
}

fn stream(events: Body) -> Response {
    let headers = [(header::CONTENT_TYPE, EVENT_STREAM), (header::CACHE_CONTROL, "no-store"), UNBUFFERED];
    (headers, events).into_response()
}

fn refuse(app: &App, denied: Denied) -> Result<Response, HttpError> {
    app.connections.meters.ended(End::Closed(denied.close.number()));
    // An `EventSource` cannot show another token.
    if denied.close.is_final() || denied.close == CloseCode::TokenExpired {
        return Err(denied.into());
    }
    let mut event = Vec::new();
    close_event(&mut event, denied.close, closing::refusal(denied));
    Ok(stream(event.into()))
}

/// Where a client left off, as its header `Last-Event-ID` says.
#[derive(Debug, PartialEq, Eq)]
enum Position {
    /// The header is missing or empty.
    Unknown,
    After(Resume),
    /// The last stream ended with a final close code.
    Closed,
}

impl Position {
    fn of(headers: &HeaderMap) -> Result<Self, HttpError> {
        let id = headers.get(LAST_EVENT_ID).map_or(Ok(""), |id| id.to_str().map_err(|_| invalid_id()))?;
        if id.is_empty() {
            return Ok(Self::Unknown);
        }
        let mut finals = CloseCode::ALL.into_iter().filter(|code| code.is_final());
        if finals.any(|code| code.number().to_string() == id) {
            return Ok(Self::Closed);
        }
        let (epoch, offset) = id.split_once('.').ok_or_else(invalid_id)?;
        let resume = parse_epoch(epoch).and_then(|epoch| Ok(Resume { epoch, offset: parse_offset(offset)? }));
        resume.map(Self::After).map_err(|_| invalid_id())
    }
}

fn invalid_id() -> HttpError {
    HttpError::bad("Last-Event-ID is EPOCH.OFFSET, as the stream said in id, or empty")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn position(id: &str) -> Option<Position> {
        let id = HeaderValue::from_bytes(id.as_bytes()).unwrap();
        let headers = [(HeaderName::from_static(LAST_EVENT_ID), id)].into_iter().collect();
        Position::of(&headers).ok()
    }

    #[test]
    fn the_last_event_says_where_to_go_on() {
        let after = |offset| Some(Position::After(Resume { epoch: "h1dX".into(), offset }));
        assert_eq!(position("h1dX.0"), after(0));
        assert_eq!(position(&format!("h1dX.{}", u64::MAX)), after(u64::MAX));
        assert_eq!(position("4005"), Some(Position::Closed));
        assert_eq!(position(""), Some(Position::Unknown));
        assert_eq!(Position::of(&HeaderMap::new()).unwrap(), Position::Unknown);
    }

    #[test]
    fn an_id_of_no_stream_is_refused() {
        let long = format!("{}.1", "a".repeat(33));
        for id in ["h1dX", "h1dX.", ".7", "h1-X.7", "h1dX.-7", "h1dX.7.8", "4100", "7", &long, "\u{e9}.1"] {
            assert_eq!(position(id), None, "{id}");
        }
    }
}
