use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Action, App,
    access::Access,
    auth::{Actor, Admin},
    body::{Object, Shape},
    caller::Caller,
    error::HttpError,
    path::InAsset,
    query::Parameters,
    rooms::JSON,
    whole_number::WholeNumber,
};
use crate::model::{
    AssetName, AssetState, ErrorCode, Grant, Millis, PlayerName, ServerMessage, Units, limits::HOLDERS_PAGE,
};

/// `PUT /v1/rooms/{room}/assets/{asset}`: 201 if this request created the asset, 200 if it existed with these units.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    _: Admin,
    Object(body): Object<Create>,
) -> Result<(StatusCode, Json<AssetState>), HttpError> {
    let done = app.arbiter.create(&room, &asset, units(body.units)?).await?;
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(done.into_inner().state)))
}

/// `POST .../select`: 200 if the player holds a unit, 409 if the asset is sold out.
pub(super) async fn select(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    Extension(caller): Extension<Caller>,
    Object(body): Object<InTheNameOf>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Select)?;
    caller.may_act(&app, &actor, &player)?;
    reply(app.arbiter.select(&room, &asset, &player).await)
}

/// `POST .../release`
pub(super) async fn release(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    Extension(caller): Extension<Caller>,
    Object(body): Object<InTheNameOf>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Release)?;
    caller.may_act(&app, &actor, &player)?;
    reply(app.arbiter.release(&room, &asset, &player).await)
}

/// `POST .../restock`
pub(super) async fn restock(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    _: Admin,
    Object(body): Object<Restock>,
) -> Result<Json<AssetState>, HttpError> {
    let condition = body.revision.map(|revision| revision.0);
    Ok(Json(app.arbiter.restock(&room, &asset, units(body.units)?, condition).await?))
}

/// `DELETE /v1/rooms/{room}/assets/{asset}`
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    _: Admin,
) -> Result<Json<Value>, HttpError> {
    let revision = app.arbiter.remove_asset(&room, &asset).await?;
    Ok(Json(json!({"asset": asset, "revision": revision})))
}

/// `GET .../holders?after=&limit=`: the players granted a unit after that revision, in grant order.
pub(super) async fn holders(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    access: Access,
    RawQuery(query): RawQuery,
) -> Result<Json<Holders>, HttpError> {
    access.may_read(&app, &room)?;
    let query = Parameters::parse(query.as_deref(), &PAGE)?;
    let after = number(&query, "after")?;
    let limit = number(&query, "limit")?.unwrap_or(HOLDERS_PAGE as u64);
    if !(1..=HOLDERS_PAGE as u64).contains(&limit) {
        return Err(HttpError::bad(format!("limit must be 1 to {HOLDERS_PAGE}, not {limit}")));
    }
    let limit = limit as usize;
    let grants = app.arbiter.holders(&room, &asset, after, limit).await?;
    // A full page may be the last one; the next page is then empty.
    let next_after = grants.get(limit - 1).map(|grant| grant.revision);
    let holder = |Grant { player, granted_at: at, revision }| Holder { player, revision, at };
    Ok(Json(Holders { asset, holders: grants.into_iter().map(holder).collect(), next_after }))
}

pub(super) const HOLDERS: &str = "/v1/rooms/{room}/assets/{asset}/holders";
/// The query parameters of [`HOLDERS`].
pub(super) const PAGE: [&str; 2] = ["after", "limit"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    units: WholeNumber,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InTheNameOf {
    /// Whoever shows a player token may leave it out.
    player: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restock {
    units: WholeNumber,
    revision: Option<WholeNumber>,
}

impl Shape for Create {
    const EXAMPLE: &str = r#"{"units":3}"#;
}
impl Shape for InTheNameOf {
    const EXAMPLE: &str = r#"{"player":"ada"}"#;
}
impl Shape for Restock {
    const EXAMPLE: &str = r#"{"units":2} or {"units":2,"revision":7}"#;
}

#[derive(Serialize)]
pub(super) struct Holders {
    asset: AssetName,
    holders: Vec<Holder>,
    next_after: Option<u64>,
}

/// A grant, identified by its revision.
#[derive(Serialize)]
struct Holder {
    player: PlayerName,
    revision: u64,
    at: Millis,
}

/// The body of a reply: the fields of its frame without `type`, after `code` and `message` if it is a denial. HTTP
/// requests have no `request_id`.
fn reply(reply: ServerMessage) -> Result<Response, HttpError> {
    let (status, denial) = match &reply {
        ServerMessage::Selection { granted: false, asset, .. } => {
            // A name needs no escapes.
            let code = ErrorCode::SoldOut.as_str();
            (StatusCode::CONFLICT, format!(r#""code":"{code}","message":"no unit of {asset} is left","#))
        }
        ServerMessage::Selection { .. } | ServerMessage::Release { .. } => (StatusCode::OK, String::new()),
        ServerMessage::Error { code: ErrorCode::LimitReached, message, temporary: true, .. } => {
            return Err(HttpError::full(message.clone()));
        }
        ServerMessage::Error { code, message, .. } => return Err(HttpError::new(*code, message.clone())),
        // The arbiter returns nothing else. If it did, the outcome would be unknown.
        _ => {
            let message = "unexpected answer; send the same request again";
            return Err(HttpError::new(ErrorCode::OutcomeUnknown, message));
        }
    };
    let frame = reply.encode();
    let (_, fields) = frame.split_once(',').expect("a frame begins with its type");
    Ok((status, [(header::CONTENT_TYPE, JSON)], format!("{{{denial}{fields}")).into_response())
}

/// Rejects numbers that can never be units. The arbiter checks `--max-units`.
fn units(WholeNumber(number): WholeNumber) -> Result<Units, HttpError> {
    match Units::try_from(number) {
        Ok(0) => Err(HttpError::bad("units must be at least 1")),
        Ok(units) => Ok(units),
        Err(_) => {
            let message = format!("{number} units are more than there can be");
            Err(HttpError::new(ErrorCode::LimitReached, message).with_status(StatusCode::BAD_REQUEST))
        }
    }
}

fn number(query: &Parameters, name: &str) -> Result<Option<u64>, HttpError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let wrong = |_| HttpError::bad(format!("{name} is a whole number such as 3"));
    text.parse::<WholeNumber>().map(|number| Some(number.0)).map_err(wrong)
}
