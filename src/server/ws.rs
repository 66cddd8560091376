use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        RawQuery, State, WebSocketUpgrade,
        ws::{WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    App,
    connection::Surplus,
    failure::Failure,
    meters::End,
    path::InRoom,
    session::{self, Session},
};
use crate::{
    arbiter::{Join, JoinError, Resume},
    model::{
        CloseCode, ErrorCode, PROTOCOL, PlayerName, RoomName,
        limits::{EPOCH_LEN, FRAME_BYTES, READ_BUFFER, WRITE_BUFFER},
    },
};

/// The one route that becomes a WebSocket.
pub(super) const ROUTE: &str = "/v1/rooms/{room}/ws";

/// `GET /v1/rooms/{room}/ws?player=NAME&epoch=E&offset=O`: a bad name or origin is refused here, before the
/// upgrade; everything else is accepted and then closed with its code.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    InRoom(room): InRoom,
    RawQuery(query): RawQuery,
    surplus: Option<axum::Extension<Surplus>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    if !app.origins.allows(&headers) {
        let message = "pages of this origin may not connect; the operator can allow it with --allow-origin";
        return Err(Failure::new(ErrorCode::Forbidden, message));
    }
    let asked = Asked::parse(query.as_deref().unwrap_or_default())?;
    let upgrade = upgrade.map_err(|rejection| {
        let message = format!("this path is a WebSocket: {}", rejection.body_text());
        Failure::new(ErrorCode::BadMessage, message).with_status(rejection.into_response().status())
    })?;
    let max_message = app.settings.max_message;
    let join = asked.join(room, Uuid::new_v4().simple().to_string(), app.settings.ping_interval);
    let span = tracing::Span::current();
    span.record("session", &join.session).record("room", tracing::field::display(&join.room));
    let response = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // Never reached: a write waits while the socket is full, so at most one frame is added to the buffer.
        .max_write_buffer_size(WRITE_BUFFER + 2 * FRAME_BYTES)
        .max_message_size(max_message)
        .max_frame_size(max_message)
        .protocols([PROTOCOL])
        .on_upgrade(move |socket| serve(app, socket, join, surplus.is_some()).instrument(span));
    Ok(response)
}

async fn serve(app: Arc<App>, socket: WebSocket, join: Join, surplus: bool) {
    let end = if surplus {
        Box::pin(session::refuse(socket, CloseCode::Full)).await
    } else {
        // Boxed, so that what joining needs is given back before the connection idles.
        match Box::pin(app.arbiter.join(join)).await {
            Ok(member) => Session::new(&app, socket, member).run().await,
            Err(JoinError { close, message }) => {
                tracing::info!(code = close.number(), message, "cannot join");
                Box::pin(session::refuse(socket, close)).await
            }
        }
    };
    app.connections.meters.ended(end);
    if end == End::Closed(CloseCode::TooSlow.number()) {
        tracing::info!(code = CloseCode::TooSlow.number(), "cut: too slow");
    }
}

/// What the query asks for. Other parameters are left to later versions.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    player: Option<PlayerName>,
    resume: Option<Resume>,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, Failure> {
        let (mut player, mut epoch, mut offset) = (None, None, None);
        for (key, value) in form(query)? {
            match key.as_str() {
                "player" => player = Some(PlayerName::parse(&value)?),
                "epoch" => epoch = Some(parse_epoch(value)?),
                "offset" => offset = Some(parse_offset(&value)?),
                _ => {}
            }
        }
        let resume = epoch.zip(offset).map(|(epoch, offset)| Resume { epoch, offset });
        Ok(Self { player, resume })
    }

    fn join(self, room: RoomName, session: String, ping_interval: Duration) -> Join {
        let ping_interval_ms = ping_interval.as_millis() as u64;
        Join { room, player: self.player, resume: self.resume, session, ping_interval_ms }
    }
}

fn form(query: &str) -> Result<Vec<(String, String)>, Failure> {
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(
        &format!("/?{query}").parse().map_err(|_| bad("the query is not a URL's"))?,
    )
    .map(|axum::extract::Query(pairs)| pairs)
    .map_err(|error| bad(error.body_text()))
}

fn parse_epoch(text: String) -> Result<String, Failure> {
    let fits = (1..=EPOCH_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(text) } else { Err(bad("epoch has 1-32 characters of A-Za-z0-9, as told in welcome")) }
}

fn parse_offset(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| bad("offset is a whole number, as told in the last room frame"))
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::BadMessage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_player_and_where_it_left_off() {
        let asked = Asked::parse("player=ann%3A1&epoch=abc&offset=7&later=1").unwrap();
        assert_eq!(asked.player.unwrap().as_str(), "ann:1");
        assert_eq!(asked.resume, Some(Resume { epoch: "abc".into(), offset: 7 }));
        assert_eq!(Asked::parse("").unwrap(), Asked { player: None, resume: None });
        assert_eq!(Asked::parse("offset=7").unwrap().resume, None, "an offset of no epoch says nothing");
    }

    #[test]
    fn a_bad_query_is_refused() {
        let long = format!("epoch={}", "a".repeat(33));
        for query in
            ["player=", "player=a%20b", "player=..", "epoch=", "epoch=a-b", "offset=-1", "offset=x", &long]
        {
            assert!(Asked::parse(query).is_err(), "{query}");
        }
    }

    /// The size of what an async function keeps while it waits.
    fn kept<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_keeps_little_while_it_idles() {
        assert!(kept(serve) <= 2048, "{} bytes for every connection", kept(serve));
    }
}
