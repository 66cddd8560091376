//! Holds over HTTP.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, App,
    assets::InTheNameOf,
    auth::Actor,
    body::{Object, Shape},
    caller::Caller,
    error::HttpError,
    path::InAsset,
    replies::reply,
};
use crate::model::{AssetName, ErrorCode, HoldExpired, Millis, PlayerName, Units};

/// `POST .../confirm`: 200 if the player's grant is confirmed, 409 if the hold has expired.
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    Extension(caller): Extension<Caller>,
    Object(body): Object<Confirm>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Confirm)?;
    caller.may_act(&app, &actor, &player)?;
    reply(app.arbiter.changes_by(actor.by()).confirm(&room, &asset, &player, body.retake).await)
}

/// `POST .../extend`
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    InAsset(room, asset): InAsset,
    actor: Actor,
    Extension(caller): Extension<Caller>,
    Object(body): Object<InTheNameOf>,
) -> Result<Response, HttpError> {
    let player = actor.player(body.player.as_deref(), (&room, &asset), Action::Confirm)?;
    caller.may_act(&app, &actor, &player)?;
    reply(app.arbiter.changes_by(actor.by()).extend(&room, &asset, &player).await)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    /// Whoever shows a player token may leave it out.
    #[schemars(with = "Option<PlayerName>")]
    player: Option<String>,
    /// Whether to take a unit that is left if the hold has expired.
    #[serde(default)]
    retake: bool,
}

impl Shape for Confirm {
    const EXAMPLE: &str = r#"{"player":"ada"} or {"player":"ada","retake":true}"#;
}

/// A `confirmation`, without what only a frame has: `type` and `request_id`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Confirmed {
    pub(super) asset: AssetName,
    pub(super) confirmed: bool,
    pub(super) already_confirmed: bool,
    pub(super) remaining: Units,
    pub(super) revision: u64,
    /// When the grant ends, in Unix milliseconds; absent if it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Millis>,
    /// The same in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl_ms: Option<Millis>,
}

/// The hold has expired: an error, and the fields of the `confirmation`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "HoldHasExpired")]
pub(super) struct TooLate {
    #[schemars(extend("const" = ErrorCode::HoldExpired.as_str()))]
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) asset: AssetName,
    pub(super) confirmed: bool,
    pub(super) reason: HoldExpired,
    pub(super) already_confirmed: bool,
    pub(super) remaining: Units,
    pub(super) revision: u64,
}

/// Why a hold is not confirmed.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum NotConfirmed {
    TooLate(TooLate),
    #[allow(dead_code, reason = "an HttpError has it")]
    Refused(super::error::Body),
}

/// An `extension`, without what only a frame has.
#[derive(Serialize, JsonSchema)]
pub(super) struct Extended {
    pub(super) asset: AssetName,
    /// When the hold ends, in Unix milliseconds.
    pub(super) until: Millis,
    /// The same in milliseconds from now.
    pub(super) ttl_ms: Millis,
}

/// The response for a hold that has expired.
pub(super) fn too_late(asset: AssetName, remaining: Units, revision: u64) -> (StatusCode, Json<NotConfirmed>) {
    let message = format!("the hold of {asset} has ended");
    let body = TooLate {
        code: ErrorCode::HoldExpired,
        message,
        asset,
        confirmed: false,
        reason: HoldExpired::HoldExpired,
        already_confirmed: false,
        remaining,
        revision,
    };
    (StatusCode::CONFLICT, Json(NotConfirmed::TooLate(body)))
}
