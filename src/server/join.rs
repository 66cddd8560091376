//! How a client joins a room, over a WebSocket or as an event stream.

use std::{sync::Arc, time::Duration};

use axum::http::HeaderMap;
use tracing::Span;
use uuid::Uuid;

use super::{
    Action, App,
    access::{Access, Denied, OTHER_ROOMS},
    caller::Caller,
    credential::Credential,
    error::HttpError,
    origins,
    query::Parameters,
    session_token::SessionToken,
    trace_context,
    whole_number::WholeNumber,
};
use crate::{
    arbiter::{Join, JoinError, Member, Resume},
    model::{CloseCode, DisplayName, PlayerName, RoomName, TraceParent, limits::EPOCH_LEN},
};

/// A request to join a room, and what it shows to be let in.
pub(super) struct JoinRequest {
    join: Join,
    /// What the client shows; an error if it is refused whatever it shows.
    credential: Result<Option<Credential>, Denied>,
    trace: Option<TraceParent>,
}

impl JoinRequest {
    /// Checks the limits and the origin of a request, and names it in the span of its connection. `ping_interval` is told
    /// in `welcome`.
    pub(super) fn new(
        app: &App,
        room: RoomName,
        asked: Asked,
        caller: &Caller,
        headers: &HeaderMap,
        ping_interval: Duration,
    ) -> Self {
        let Asked { player, display_name, resume, token } = asked;
        let session = Uuid::new_v4().simple().to_string();
        let ping_interval_ms = ping_interval.as_millis() as u64;
        let join = Join { room, player, display_name, resume, session, ping_interval_ms, token_ttl_ms: None };
        let admitted = check_limits(app, caller).and_then(|()| check_origin(app, headers));
        let credential = admitted.and_then(|()| credential(app, Credential::of(headers), token));
        let span = Span::current();
        span.record("session", &join.session).record("room", tracing::field::display(&join.room));
        if let Some(client) = caller.forwarded() {
            span.record("client", tracing::field::display(client));
        }
        Self { join, credential, trace: trace_context::parent(headers) }
    }

    /// Joins the room if the credential allows it. Nothing of a room, a session or the store is touched before.
    ///
    /// # Errors
    /// [`Denied`], which is logged already.
    pub(super) async fn enter(self, app: &App) -> Result<(Member, Option<SessionToken>), Denied> {
        let Self { join, credential, trace } = self;
        let (player, room) = (join.player.clone(), join.room.clone());
        let joined = async {
            let access = Access::of(app, credential?.as_ref()).await?;
            access.ask_store(app).await?;
            let (join, token) = admit(app, join, access)?;
            let joined = app.arbiter.join(join).await;
            let mut member = joined.map_err(|JoinError { close, message }| Denied::new(close, message))?;
            member.trace_by(trace);
            Ok((member, token))
        };
        let joined = joined.await.inspect(|(member, _)| app.player_log.joined(member));
        joined.inspect_err(|Denied { close, reason, .. }| {
            app.player_log.refused(player.as_ref(), &room, close.number(), reason);
        })
    }
}

/// Refuses pages of other origins.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Denied> {
    origins::check(&app.settings.allow_origin, app.tls.is_some(), headers).map_err(|origin| {
        app.foreign_log.origin(&origin, headers);
        Denied::new(CloseCode::Forbidden, origins::FOREIGN)
    })
}

/// Refuses whoever is over a limit, before anything is spent.
fn check_limits(app: &App, caller: &Caller) -> Result<(), Denied> {
    if let Some(excess) = caller.excess {
        return Err(Denied::new(CloseCode::Full, excess.reason()));
    }
    let joined = caller.address().map_or(Ok(()), |address| app.limits.join(address));
    joined.map_err(|wait| Denied { wait, ..Denied::new(CloseCode::TooFast, JOINS_TOO_OFTEN) })
}

const JOINS_TOO_OFTEN: &str = "this address joins more often than --joins-per-minute-per-address allows";

/// The credential of a request. One in the URL counts only where the server allows that.
fn credential(
    app: &App,
    shown: Option<Credential>,
    in_url: Option<Credential>,
) -> Result<Option<Credential>, Denied> {
    if app.tokens.is_some() && in_url.is_some() && !app.settings.tokens_in_urls {
        return Err(Denied::new(CloseCode::Unauthorized, TOKEN_IN_URL));
    }
    Ok(shown.or(in_url))
}

const TOKEN_IN_URL: &str = "logs keep URLs: send Authorization: Bearer, or the subprotocol bearer.TOKEN";

/// Who joins: the player of the token, or whoever an operator or a server without tokens lets in.
fn admit(app: &App, mut join: Join, access: Access) -> Result<(Join, Option<SessionToken>), Denied> {
    let forbidden = |message: &str| Err(Denied::new(CloseCode::Forbidden, message));
    let grants = match access {
        Access::Anyone | Access::Admin => return Ok((join, None)),
        Access::Viewer if join.player.is_none() => return Ok((join, None)),
        Access::Viewer => return forbidden("the viewer key only listens: leave player out"),
        Access::Player(grants) => grants,
    };
    if !grants.allows_room(&join.room) {
        return forbidden(OTHER_ROOMS);
    }
    if join.player.as_ref().is_some_and(|player| *player != grants.player) {
        return forbidden("this token is another player's: leave player out");
    }
    let plays = [Action::Select, Action::Release, Action::Confirm].into_iter().any(|action| grants.can(action));
    join.player = plays.then(|| grants.player.clone());
    join.display_name = grants.display_name.clone().filter(|_| plays);
    join.token_ttl_ms = Some(grants.expires_at.saturating_sub(app.arbiter.now()));
    let tokens = app.tokens.clone();
    let revocations = app.arbiter.revocations();
    Ok((join, tokens.map(|tokens| SessionToken::new(tokens, Arc::clone(revocations), grants))))
}

/// What the query of a request names.
pub(super) struct Asked {
    player: Option<PlayerName>,
    display_name: Option<DisplayName>,
    /// The client's position before its connection dropped.
    pub(super) resume: Option<Resume>,
    token: Option<Credential>,
}

/// The query parameters. A server that verifies no tokens ignores `token`.
const PARAMETERS: [&str; 5] = ["player", "name", "epoch", "offset", "token"];

impl Asked {
    /// Decodes `player=PLAYER&name=NAME&epoch=E&offset=O&token=T`, each of them optional.
    ///
    /// # Errors
    /// 400 for a parameter that is unknown, given twice or invalid.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, HttpError> {
        let query = Parameters::parse(query, &PARAMETERS)?;
        let player = query.get("player").map(PlayerName::parse).transpose()?;
        let display_name = query.get("name").map(DisplayName::parse).transpose()?;
        if player.is_none() && display_name.is_some() {
            return Err(HttpError::bad("name is how the player is shown: give player, too, or leave name out"));
        }
        let epoch = query.get("epoch").map(parse_epoch).transpose()?;
        let offset = query.get("offset").map(parse_offset).transpose()?;
        let resume = epoch.zip(offset).map(|(epoch, offset)| Resume { epoch, offset });
        let token = query.get("token").map(Credential::in_query);
        Ok(Self { player, display_name, resume, token })
    }
}

/// An epoch as `welcome` tells it.
pub(super) fn parse_epoch(text: &str) -> Result<String, HttpError> {
    let fits = (1..=EPOCH_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let wrong = || HttpError::bad("epoch has 1-32 characters of A-Za-z0-9, as told in welcome");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

/// An offset as a room frame tells it.
pub(super) fn parse_offset(text: &str) -> Result<u64, HttpError> {
    let wrong = |_| HttpError::bad("offset is a whole number, as told in the last room frame");
    text.parse::<WholeNumber>().map(|number| number.0).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_player_and_where_it_left_off() {
        let asked =
            Asked::parse(Some("player=auth0|a%2B1&name=Zo%C3%AB%20B.&epoch=abc&offset=7&token=x")).unwrap();
        assert_eq!(asked.player.unwrap().as_str(), "auth0|a+1");
        assert_eq!(asked.display_name.unwrap().as_str(), "Zoë B.");
        assert_eq!(asked.resume, Some(Resume { epoch: "abc".into(), offset: 7 }));
        let asked = Asked::parse(None).unwrap();
        assert!(asked.player.is_none() && asked.display_name.is_none() && asked.resume.is_none());
        assert_eq!(Asked::parse(Some("offset=7")).unwrap().resume, None, "an offset of no epoch says nothing");
    }

    #[test]
    fn a_display_name_without_a_player_is_refused() {
        let refused = Asked::parse(Some("name=Ann")).err().map(|error| format!("{error:?}"));
        assert!(refused.is_some_and(|said| said.contains("give player")));
    }

    #[test]
    fn a_bad_query_is_refused() {
        let long = format!("epoch={}", "a".repeat(33));
        for query in [
            "player=",
            "player=a%20b",
            "player=..",
            "player=ann&name=",
            "player=ann&name=%20",
            "player=ann&name=+Ann",
            "player=ann&name=%E2%80%AEnna",
            "player=ann&name=a%0Ab",
            "player=ann&name=Ann&name=Bob",
            "epoch=",
            "epoch=a-b",
            "offset=-1",
            "offset=x",
            "later=1",
            &long,
        ] {
            assert!(Asked::parse(Some(query)).is_err(), "{query}");
        }
    }
}
