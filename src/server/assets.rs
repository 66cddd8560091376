use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{
    App,
    auth::Admin,
    body::{Object, Shape},
    error::HttpError,
    path::InAsset,
    query::Parameters,
    whole_number::WholeNumber,
};
use crate::model::{
    AssetName, AssetState, ErrorCode, Grant, Millis, PlayerName, ServerMessage, SoldOut, Units,
    limits::HOLDERS_PAGE,
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
    _: Admin,
    Object(body): Object<InTheNameOf>,
) -> Result<(StatusCode, Json<Selection>), HttpError> {
    let player = PlayerName::parse(&body.player)?;
    let selection = Selection::of(app.arbiter.select(&room, &asset, &player).await)?;
    let status = if selection.granted { StatusCode::OK } else { StatusCode::CONFLICT };
    Ok((status, Json(selection)))
}

/// `POST .../release`
pub(super) async fn release(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    _: Admin,
    Object(body): Object<InTheNameOf>,
) -> Result<Json<Released>, HttpError> {
    let player = PlayerName::parse(&body.player)?;
    Ok(Json(Released::of(app.arbiter.release(&room, &asset, &player).await)?))
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
) -> Result<Json<Removed>, HttpError> {
    let revision = app.arbiter.remove_asset(&room, &asset).await?;
    Ok(Json(Removed { asset, revision }))
}

/// `GET .../holders?after=&limit=`: the players granted a unit after that revision, in grant order.
pub(super) async fn holders(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    RawQuery(query): RawQuery,
) -> Result<Json<Holders>, HttpError> {
    let query = Parameters::parse(query.as_deref(), &PAGE)?;
    let after = number(&query, "after")?;
    let limit = number(&query, "limit")?.unwrap_or(HOLDERS_PAGE as u64);
    if !(1..=HOLDERS_PAGE as u64).contains(&limit) {
        return Err(bad(format!("limit must be 1 to {HOLDERS_PAGE}, not {limit}")));
    }
    let limit = limit as usize;
    let grants = app.arbiter.holders(&room, &asset, after, limit).await?;
    // A full page may be the last one; the next page is then empty.
    let next_after = grants.get(limit - 1).map(|grant| grant.revision);
    Ok(Json(Holders { asset, holders: grants.into_iter().map(Holder::from).collect(), next_after }))
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
    player: String,
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

/// The fields of a `selection` frame.
#[derive(Serialize)]
pub(super) struct Selection {
    asset: AssetName,
    granted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<SoldOut>,
    remaining: Units,
    revision: u64,
    already_held: bool,
}

/// The fields of a `release` frame.
#[derive(Serialize)]
pub(super) struct Released {
    asset: AssetName,
    released: bool,
    remaining: Units,
    revision: u64,
}

/// The fields of an `asset_removed` frame.
#[derive(Serialize)]
pub(super) struct Removed {
    asset: AssetName,
    revision: u64,
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

impl From<Grant> for Holder {
    fn from(Grant { player, granted_at, revision }: Grant) -> Self {
        Self { player, revision, at: granted_at }
    }
}

impl Selection {
    fn of(answer: ServerMessage) -> Result<Self, HttpError> {
        match answer {
            ServerMessage::Selection {
                request_id: _,
                asset,
                granted,
                reason,
                remaining,
                revision,
                already_held,
            } => Ok(Self { asset, granted, reason, remaining, revision, already_held }),
            other => Err(refusal(other)),
        }
    }
}

impl Released {
    fn of(answer: ServerMessage) -> Result<Self, HttpError> {
        match answer {
            ServerMessage::Release { request_id: _, asset, released, remaining, revision } => {
                Ok(Self { asset, released, remaining, revision })
            }
            other => Err(refusal(other)),
        }
    }
}

fn refusal(answer: ServerMessage) -> HttpError {
    match answer {
        ServerMessage::Error { code: ErrorCode::LimitReached, message, temporary: true, .. } => {
            let full = HttpError::new(ErrorCode::LimitReached, message);
            full.with_status(StatusCode::SERVICE_UNAVAILABLE).for_now()
        }
        ServerMessage::Error { code, message, .. } => HttpError::new(code, message),
        // The arbiter returns nothing else. If it did, the outcome would be unknown.
        _ => HttpError::new(ErrorCode::OutcomeUnknown, "unexpected answer; send the same request again"),
    }
}

/// Rejects numbers that can never be units. The arbiter checks `--max-units`.
fn units(WholeNumber(number): WholeNumber) -> Result<Units, HttpError> {
    match Units::try_from(number) {
        Ok(0) => Err(bad("units must be at least 1".to_owned())),
        Ok(units) => Ok(units),
        Err(_) => {
            let message = format!("{number} units are more than there can be");
            Err(HttpError::new(ErrorCode::LimitReached, message).with_status(StatusCode::BAD_REQUEST))
        }
    }
}

fn number(query: &Parameters, name: &str) -> Result<Option<u64>, HttpError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = text.parse::<WholeNumber>();
    number.map(|number| Some(number.0)).map_err(|_| bad(format!("{name} is a whole number such as 3")))
}

fn bad(message: String) -> HttpError {
    HttpError::new(ErrorCode::BadMessage, message)
}
