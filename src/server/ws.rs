use std::{borrow::Cow, pin::pin, sync::Arc, task::Poll, time::Duration};

use axum::{
    Extension,
    extract::{RawQuery, State},
    response::Response,
};
use futures::poll;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{
    App,
    caller::Caller,
    error::HttpError,
    path::InRoom,
    query::Parameters,
    session::{self, Session, Socket},
    upgrade::Upgrade,
    whole_number::WholeNumber,
};
use crate::{
    arbiter::{Join, JoinError, Member, Resume},
    model::{CloseCode, PlayerName, limits::EPOCH_LEN},
};

/// The one route that becomes a WebSocket.
pub(super) const ROUTE: &str = "/v1/rooms/{room}/ws";

/// The query parameters. `token` is accepted but not required yet, so that clients that send one keep working.
const PARAMETERS: [&str; 4] = ["player", "epoch", "offset", "token"];

/// `GET /v1/rooms/{room}/ws?player=NAME&epoch=E&offset=O`: an invalid name is refused before the upgrade. Every other
/// error is a close code after it.
pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    room: Result<InRoom, HttpError>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Caller>,
    upgrade: Result<Upgrade, HttpError>,
) -> Result<Response, HttpError> {
    let answer = room.and_then(|room| accept(&app, room, query.as_deref(), caller, upgrade));
    answer.inspect_err(|error| app.player_log.refused_handshake(error))
}

fn accept(
    app: &Arc<App>,
    InRoom(room): InRoom,
    query: Option<&str>,
    caller: Caller,
    upgrade: Result<Upgrade, HttpError>,
) -> Result<Response, HttpError> {
    let (player, resume) = parse(query)?;
    let upgrade = upgrade?;
    let refusal = refusal(app, &caller).err();
    let session = Uuid::new_v4().simple().to_string();
    let ping_interval_ms = app.settings.ping_interval.as_millis() as u64;
    let join = Join { room, player, resume, session, ping_interval_ms };
    let span = Span::current();
    span.record("session", &join.session).record("room", tracing::field::display(&join.room));
    if let Some(client) = caller.forwarded() {
        span.record("client", tracing::field::display(client));
    }
    let app = Arc::clone(app);
    let max_message = app.settings.max_message;
    let open = move |socket, response| open(app, socket, response, join, refusal, span);
    Ok(upgrade.serve(max_message, caller.held, open))
}

/// Joins the room. The response to the handshake and the welcome leave in one write, unless joining takes time.
async fn open(
    app: Arc<App>,
    mut socket: Socket,
    mut response: Vec<u8>,
    join: Join,
    refusal: Option<Refusal>,
    span: Span,
) -> Option<impl Future<Output = ()> + Send> {
    let joining = enter(&app, join, refusal).instrument(span.clone());
    match respond_late(&mut socket, &mut response, joining).await {
        Ok(member) => Some(run(Session::new(&app, socket, response, member), app, span)),
        Err((close, wait)) => {
            let end = session::refuse(socket, &response, close, wait).instrument(span).await;
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

/// Returns the member, or the close code and how long the client is to wait at least.
async fn enter(app: &App, join: Join, refusal: Option<Refusal>) -> Result<Member, (CloseCode, Duration)> {
    let (player, room) = (join.player.clone(), join.room.clone());
    let joined = match refusal {
        Some(refusal) => Err(refusal),
        None => app.arbiter.join(join).await.map_err(|JoinError { close, message }| Refusal {
            close,
            message: message.into(),
            wait: Duration::ZERO,
        }),
    };
    joined.inspect(|member| app.player_log.joined(member)).map_err(|Refusal { close, message, wait }| {
        app.player_log.refused(player.as_ref(), &room, close.number(), &message);
        (close, wait)
    })
}

/// Why nobody joins.
struct Refusal {
    close: CloseCode,
    message: Cow<'static, str>,
    wait: Duration,
}

/// Refuses whoever is over a limit, before the arbiter hears of it.
fn refusal(app: &App, caller: &Caller) -> Result<(), Refusal> {
    if let Some(excess) = caller.excess {
        return Err(Refusal { close: CloseCode::Full, message: excess.reason().into(), wait: Duration::ZERO });
    }
    let joined = caller.address().map_or(Ok(()), |address| app.limits.join(address));
    joined.map_err(|wait| Refusal { close: CloseCode::TooFast, message: JOINS_TOO_OFTEN.into(), wait })
}

const JOINS_TOO_OFTEN: &str = "this address joins more often than --joins-per-minute-per-address allows";

/// The player and the place in the log that a query names.
fn parse(query: Option<&str>) -> Result<(Option<PlayerName>, Option<Resume>), HttpError> {
    let query = Parameters::parse(query, &PARAMETERS)?;
    let player = query.get("player").map(PlayerName::parse).transpose()?;
    let epoch = query.get("epoch").map(parse_epoch).transpose()?;
    let offset = query.get("offset").map(parse_offset).transpose()?;
    let resume = epoch.zip(offset).map(|(epoch, offset)| Resume { epoch, offset });
    Ok((player, resume))
}

fn parse_epoch(text: &str) -> Result<String, HttpError> {
    let fits = (1..=EPOCH_LEN).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let wrong = || HttpError::bad("epoch has 1-32 characters of A-Za-z0-9, as told in welcome");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

fn parse_offset(text: &str) -> Result<u64, HttpError> {
    let wrong = |_| HttpError::bad("offset is a whole number, as told in the last room frame");
    text.parse::<WholeNumber>().map(|number| number.0).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_the_player_and_where_it_left_off() {
        let (player, resume) = parse(Some("player=ann%3A1&epoch=abc&offset=7&token=x")).unwrap();
        assert_eq!(player.unwrap().as_str(), "ann:1");
        assert_eq!(resume, Some(Resume { epoch: "abc".into(), offset: 7 }));
        assert_eq!(parse(None).unwrap(), (None, None));
        assert_eq!(parse(Some("offset=7")).unwrap().1, None, "an offset of no epoch says nothing");
    }

    #[test]
    fn a_bad_query_is_refused() {
        let long = format!("epoch={}", "a".repeat(33));
        for query in [
            "player=",
            "player=a%20b",
            "player=..",
            "epoch=",
            "epoch=a-b",
            "offset=-1",
            "offset=x",
            "later=1",
            &long,
        ] {
            assert!(parse(Some(query)).is_err(), "{query}");
        }
    }

    /// The size of the state that is kept across awaits.
    fn kept<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_keeps_little_while_it_idles() {
        assert!(kept(run) <= 1024, "{} bytes for every connection", kept(run));
    }
}
