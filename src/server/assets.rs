use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, App,
    access::Access,
    audit::{Audit, Target},
    auth::{Actor, Admin},
    body::{Object, Shape},
    caller::Caller,
    error::HttpError,
    path::InAsset,
    query::Parameters,
    replies::reply,
    trace_context,
    whole_number::WholeNumber,
};
use crate::model::{
    AssetName, AssetOptions, AssetState, ErrorCode, Grant, Millis, NewAsset, PlayerName, Units,
    limits::{HOLDERS_PAGE, LEASE_MS, RESERVED_PLAYERS},
};

/// `PUT /v1/rooms/{room}/assets/{asset}`: 201 if this request created the asset, 200 if it existed with these units and
/// options.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    admin: Admin,
    audit: Audit,
    Object(body): Object<Create>,
) -> Result<(StatusCode, Json<AssetState>), HttpError> {
    let new = body.asset()?;
    let action = format!("create, units: {}", new.units);
    let done =
        app.arbiter.changes_by(Some(admin.by())).create(&room, &asset, new).await.map_err(HttpError::from);
    audit.log(admin, Target::asset(&room, &asset), &action, &done);
    let done = done?;
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(done.into_inner().state)))
}

/// `POST .../select`: 200 if the player holds a unit, 409 if the asset is sold out.
pub(super) async fn select(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Object(body): Object<InTheNameOf>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Select)?;
    caller.may_act(&app, &actor, &player)?;
    let changes = app.arbiter.changes_by(actor.by());
    reply(changes.select(&room, &asset, &player, trace_context::parent(&headers)).await)
}

/// `POST .../release`
pub(super) async fn release(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    audit: Audit,
    Extension(caller): Extension<Caller>,
    Object(body): Object<InTheNameOf>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Release)?;
    caller.may_act(&app, &actor, &player)?;
    let done = reply(app.arbiter.changes_by(actor.by()).release(&room, &asset, &player).await);
    // Without keys every device that plays over HTTP would be an operator.
    if let Actor::Operator(admin) = actor
        && admin.by_key
    {
        audit.log(admin, Target::asset(&room, &asset).player(&player), "release", &done);
    }
    done
}

/// `POST .../restock`
pub(super) async fn restock(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    admin: Admin,
    audit: Audit,
    Object(body): Object<Restock>,
) -> Result<Json<AssetState>, HttpError> {
    let (units, condition) = (units(&body.units)?, body.revision.map(|revision| revision.0));
    let done = app
        .arbiter
        .changes_by(Some(admin.by()))
        .restock(&room, &asset, units, condition)
        .await
        .map_err(HttpError::from);
    audit.log(admin, Target::asset(&room, &asset), &format!("restock, units: {units}"), &done);
    done.map(Json)
}

/// `DELETE /v1/rooms/{room}/assets/{asset}`
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    admin: Admin,
    audit: Audit,
) -> Result<Json<RemovedAsset>, HttpError> {
    let done =
        app.arbiter.changes_by(Some(admin.by())).remove_asset(&room, &asset).await.map_err(HttpError::from);
    audit.log(admin, Target::asset(&room, &asset), "remove asset", &done);
    Ok(Json(RemovedAsset { revision: done?, asset }))
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
    let (after, limit) = (query.number("after")?, query.page_size(HOLDERS_PAGE)?);
    let grants = app.arbiter.holders(&room, &asset, after, limit).await?;
    // A full page may be the last one; the next page is then empty.
    let next_after = grants.get(limit - 1).map(|grant| grant.revision);
    let now = app.arbiter.now();
    let holder = |grant: Grant| {
        let Grant { player, revision, granted_at: at, until, ttl_ms, lease } = grant.shown_at(now);
        Holder { player, revision, at, until, ttl_ms, hold: lease.is_hold }
    };
    Ok(Json(Holders { asset, holders: grants.into_iter().map(holder).collect(), next_after }))
}

pub(super) const HOLDERS: &str = "/v1/rooms/{room}/assets/{asset}/holders";
/// The query parameters of [`HOLDERS`].
pub(super) const PAGE: [&str; 2] = ["after", "limit"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    /// How many players can hold the asset at a time.
    #[schemars(range(min = 1, max = Units::MAX))]
    units: WholeNumber,
    /// A grant ends after so many milliseconds unless the player confirms it.
    #[schemars(range(min = 1, max = LEASE_MS))]
    hold_ms: Option<WholeNumber>,
    /// A grant ends after so many milliseconds; with `hold_ms`, counted from its confirmation.
    #[schemars(range(min = 1, max = LEASE_MS))]
    grant_ms: Option<WholeNumber>,
    /// The grants of a player who left the room end after so many milliseconds.
    #[schemars(range(min = 1, max = LEASE_MS))]
    leave_ms: Option<WholeNumber>,
    /// A player whose grant ended gets no other for so many milliseconds.
    #[schemars(range(min = 1, max = LEASE_MS))]
    cooldown_ms: Option<WholeNumber>,
    /// Only these players may get a unit until `for_ms` after the creation.
    #[serde(rename = "for", default)]
    #[schemars(with = "Option<Vec<PlayerName>>", length(max = RESERVED_PLAYERS))]
    reserved_for: Vec<String>,
    /// How long the asset is reserved for the players of `for`, in milliseconds.
    #[schemars(range(min = 1, max = LEASE_MS))]
    for_ms: Option<WholeNumber>,
}

impl Create {
    fn asset(&self) -> Result<NewAsset, HttpError> {
        let name = |name: &String| {
            PlayerName::parse(name)
                .map_err(|error| HttpError::new(ErrorCode::InvalidName, format!("\"for\": {error}")))
        };
        let ms = |number: &Option<WholeNumber>| number.as_ref().map(|number| number.0);
        let options = AssetOptions {
            hold_ms: ms(&self.hold_ms),
            grant_ms: ms(&self.grant_ms),
            leave_ms: ms(&self.leave_ms),
            cooldown_ms: ms(&self.cooldown_ms),
            reserved_for: self.reserved_for.iter().map(name).collect::<Result<_, _>>()?,
            for_ms: ms(&self.for_ms),
        };
        options.check().map_err(HttpError::bad)?;
        Ok(NewAsset { units: units(&self.units)?, options })
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Player")]
pub(super) struct InTheNameOf {
    /// Whoever shows a player token may leave it out.
    #[schemars(with = "Option<PlayerName>")]
    pub(super) player: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Restock {
    /// The number of units to add.
    #[schemars(range(min = 1, max = Units::MAX))]
    units: WholeNumber,
    /// The revision that the asset must have; whatever it has if absent.
    revision: Option<WholeNumber>,
}

impl Shape for Create {
    const EXAMPLE: &str = r#"{"units":3} or {"units":3,"hold_ms":30000}"#;
}
impl Shape for InTheNameOf {
    const EXAMPLE: &str = r#"{"player":"ada"}"#;
}
impl Shape for Restock {
    const EXAMPLE: &str = r#"{"units":2} or {"units":2,"revision":7}"#;
}

/// A page of the players that hold an asset.
#[derive(Serialize, JsonSchema)]
pub(super) struct Holders {
    asset: AssetName,
    #[schemars(extend("maxItems" = HOLDERS_PAGE))]
    holders: Vec<Holder>,
    /// The `after` of the next page; null on a page that is not full.
    next_after: Option<u64>,
}

/// A grant, identified by its revision.
#[derive(Serialize, JsonSchema)]
struct Holder {
    player: PlayerName,
    revision: u64,
    at: Millis,
    /// When the grant ends, in Unix milliseconds; absent if it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
    /// The same in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<Millis>,
    /// Whether the player must confirm the grant to keep it; absent if not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hold: bool,
}

/// An asset is removed.
#[derive(Serialize, JsonSchema)]
pub(super) struct RemovedAsset {
    asset: AssetName,
    /// The last revision.
    revision: u64,
}

/// Rejects numbers that can never be units. The arbiter checks `--max-units`.
fn units(&WholeNumber(number): &WholeNumber) -> Result<Units, HttpError> {
    match Units::try_from(number) {
        Ok(0) => Err(HttpError::bad("units must be at least 1")),
        Ok(units) => Ok(units),
        Err(_) => {
            let message = format!("{number} units are more than there can be");
            Err(HttpError::new(ErrorCode::LimitReached, message).with_status(StatusCode::BAD_REQUEST))
        }
    }
}
