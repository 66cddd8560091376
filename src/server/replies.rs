//! What a player's request is answered with over HTTP: the fields of the reply that a member gets as a frame.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    error::{self, HttpError},
    leases::{Confirmed, Extended, too_late},
};
use crate::model::{AssetName, Denial, ErrorCode, Millis, ServerMessage, Units};

/// The response for a reply: its fields without `type`. HTTP requests have no `request_id`.
pub(super) fn reply(reply: ServerMessage) -> Result<Response, HttpError> {
    match reply {
        ServerMessage::Selection {
            asset,
            granted: true,
            remaining,
            revision,
            already_held,
            until,
            ttl_ms,
            ..
        } => {
            let granted = Selected { asset, granted: true, remaining, revision, already_held, until, ttl_ms };
            Ok(Json(granted).into_response())
        }
        ServerMessage::Selection {
            asset,
            granted,
            reason,
            retry_after_ms,
            remaining,
            revision,
            already_held,
            ..
        } => {
            let reason = reason.unwrap_or(Denial::SoldOut);
            let (code, message) = (reason, why(reason, &asset));
            let body = NotGranted {
                code,
                message,
                asset,
                granted,
                reason,
                retry_after_ms,
                remaining,
                revision,
                already_held,
            };
            Ok((StatusCode::CONFLICT, Json(Denied::NotGranted(body))).into_response())
        }
        ServerMessage::Confirmation { asset, confirmed: false, remaining, revision, .. } => {
            Ok(too_late(asset, remaining, revision).into_response())
        }
        ServerMessage::Confirmation {
            asset,
            confirmed,
            already_confirmed,
            remaining,
            revision,
            until,
            ttl_ms,
            ..
        } => {
            let body = Confirmed { asset, confirmed, already_confirmed, remaining, revision, until, ttl_ms };
            Ok(Json(body).into_response())
        }
        ServerMessage::Extension { asset, until, ttl_ms, .. } => {
            Ok(Json(Extended { asset, until, ttl_ms }).into_response())
        }
        ServerMessage::Release { asset, released, remaining, revision, .. } => {
            Ok(Json(Released { asset, released, remaining, revision }).into_response())
        }
        ServerMessage::Error { code: ErrorCode::LimitReached, message, temporary: true, .. } => {
            Err(HttpError::full(message))
        }
        ServerMessage::Error { code, message, .. } => Err(HttpError::new(code, message)),
        // The arbiter returns nothing else. If it did, the outcome would be unknown.
        _ => {
            let message = "unexpected answer; send the same request again";
            Err(HttpError::new(ErrorCode::OutcomeUnknown, message))
        }
    }
}

fn why(reason: Denial, asset: &AssetName) -> String {
    match reason {
        Denial::SoldOut => format!("no unit of {asset} is left"),
        Denial::Reserved => format!("{asset} is reserved for other players until then"),
        Denial::Cooldown => format!("the player's last grant of {asset} ended too recently"),
    }
}

/// A `selection` that is granted, without what only a frame has: `type` and `request_id`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Selected {
    asset: AssetName,
    granted: bool,
    remaining: Units,
    revision: u64,
    already_held: bool,
    /// When the grant ends, in Unix milliseconds; absent if it does not end by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Millis>,
    /// The same in milliseconds from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<Millis>,
}

/// A `release`, without what only a frame has.
#[derive(Serialize, JsonSchema)]
pub(super) struct Released {
    asset: AssetName,
    released: bool,
    remaining: Units,
    revision: u64,
}

/// Why a select is not granted.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum Denied {
    NotGranted(NotGranted),
    #[allow(dead_code, reason = "an HttpError has it")]
    Refused(error::Body),
}

/// The player gets no unit: an error, and the fields of the `selection`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SoldOut")]
pub(super) struct NotGranted {
    /// The reason.
    code: Denial,
    message: String,
    asset: AssetName,
    granted: bool,
    reason: Denial,
    /// Milliseconds until the reason is over; absent after `sold_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<Millis>,
    remaining: Units,
    revision: u64,
    already_held: bool,
}
