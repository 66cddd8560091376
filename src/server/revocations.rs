//! Revoking player tokens.

use std::sync::Arc;

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use super::{
    App, KeyId,
    audit::{Audit, Target},
    auth::Admin,
    body::{Object, Shape},
    error::HttpError,
};
use crate::model::{
    ErrorCode, Millis, PlayerName, Revocation, Revoked,
    limits::{KID_LEN, TOKEN_GRACE_SECS, TOKEN_ID_LEN, TOKEN_LEEWAY_SECS},
};

pub(super) const PATH: &str = "/v1/revocations";

/// The end of the year 9999 in seconds. A larger time is in milliseconds.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// The same in milliseconds.
const LAST_MILLISECOND: f64 = LAST_SECOND * 1000.0;

/// `POST /v1/revocations`: ends tokens on all nodes.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    admin: Admin,
    audit: Audit,
    Object(body): Object<Revoke>,
) -> Result<Json<Shown>, HttpError> {
    if app.tokens.is_none() {
        let message = "this server verifies no player tokens, so there are none to revoke; DELETE \
                       /v1/rooms/ROOM/players/PLAYER ends a player's connections";
        return Err(HttpError::new(ErrorCode::Conflict, message));
    }
    let revocation = body.revocation(&app)?;
    let done = app.arbiter.revocations().revoke(revocation.clone()).await.map_err(HttpError::from);
    let Revocation { of, issued_before, until } = &revocation;
    let player = if let Revoked::Player(player) = of { Some(player) } else { None };
    let action = format!("revoke tokens by {}, issued before {issued_before}, until {until}", of.word());
    audit.log(admin, Target { player, ..Target::default() }, &action, &done);
    done?;
    Ok(Json(Shown::of(revocation)))
}

/// `GET /v1/revocations`: what has not ended.
pub(super) async fn list(State(app): State<Arc<App>>, _: Admin) -> Result<Json<List>, HttpError> {
    app.arbiter.revocations().refresh().await?;
    let mut revocations = app.arbiter.revocations().list();
    revocations.sort_unstable();
    Ok(Json(List { revocations: revocations.into_iter().map(Shown::of).collect() }))
}

/// Exactly one of `player`, `jti` and `key`. Times are seconds since 1970, possibly with a fraction, as in tokens;
/// milliseconds are told from them by their size.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = ["player", "jti", "key"].map(|name| json!({"required": [name]}))))]
pub(super) struct Revoke {
    /// The player whose tokens end.
    #[schemars(with = "PlayerName")]
    #[serde(default, deserialize_with = "given")]
    player: Option<String>,
    /// The id of the token that ends, at most 128 bytes.
    #[schemars(with = "String", length(min = 1, max = TOKEN_ID_LEN))]
    #[serde(default, deserialize_with = "given")]
    jti: Option<String>,
    /// The id of the key whose tokens end: an `iss` or a `kid`.
    #[schemars(with = "String", length(min = 1, max = KID_LEN), regex(pattern = "^[!-~]*$"))]
    #[serde(default, deserialize_with = "given")]
    key: Option<String>,
    /// Tokens signed before this time end, in seconds or milliseconds since 1970; now if absent.
    #[schemars(range(min = 0.0, max = LAST_MILLISECOND))]
    issued_before: Option<f64>,
    /// When the revocation ends; if absent, when no token of that time can be valid any longer.
    #[schemars(range(min = 0.0, max = LAST_MILLISECOND))]
    until: Option<f64>,
}

/// A field that is there is a text, not `null`.
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    String::deserialize(field).map(Some)
}

impl Shape for Revoke {
    const EXAMPLE: &str = r#"{"player":"ann"}"#;
}

/// All revocations that have not ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Revocations")]
pub(super) struct List {
    revocations: Vec<Shown>,
}

/// A revocation, with its times in seconds since 1970.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Revocation")]
pub(super) struct Shown {
    /// The player whose tokens have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<PlayerName>,
    /// The id of the token that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Box<str>>,
    /// The id of the key whose tokens have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Box<str>>,
    /// Tokens signed before this time have ended.
    issued_before: f64,
    /// When the revocation ends.
    until: f64,
}

impl Shown {
    fn of(Revocation { of, issued_before, until }: Revocation) -> Self {
        let (player, jti, key) = match of {
            Revoked::Player(player) => (Some(player), None, None),
            Revoked::Jti(jti) => (None, Some(jti), None),
            Revoked::Key(key) => (None, None, Some(key)),
        };
        let [issued_before, until] = [issued_before, until].map(|time| time as f64 / 1000.0);
        Self { player, jti, key, issued_before, until }
    }
}

impl Revoke {
    fn revocation(&self, app: &App) -> Result<Revocation, HttpError> {
        let now = app.arbiter.now();
        let issued_before = time("issued_before", self.issued_before)?.unwrap_or(now);
        // No token of that time is valid any longer then, nor a connection that was opened with one.
        let longest = app.settings.tokens.max_age.as_millis() as Millis;
        let longest = longest + (TOKEN_LEEWAY_SECS + TOKEN_GRACE_SECS) * 1000;
        let until = time("until", self.until)?.unwrap_or(issued_before.max(now) + longest);
        if until <= now {
            return Err(HttpError::bad("field \"until\" is in the past: the revocation would end nothing"));
        }
        Ok(Revocation { of: self.of()?, issued_before, until })
    }

    fn of(&self) -> Result<Revoked, HttpError> {
        match (&self.player, &self.jti, &self.key) {
            (Some(player), None, None) => Ok(Revoked::Player(PlayerName::parse(player)?)),
            (None, Some(jti), None) if (1..=TOKEN_ID_LEN).contains(&jti.len()) => {
                Ok(Revoked::Jti(jti.as_str().into()))
            }
            (None, Some(_), None) => {
                Err(HttpError::bad(format!("field \"jti\" must have 1 to {TOKEN_ID_LEN} bytes")))
            }
            (None, None, Some(key)) if KeyId::may_be(key) => Ok(Revoked::Key(key.as_str().into())),
            (None, None, Some(_)) => Err(HttpError::bad(format!(
                "field \"key\" must have 1 to {KID_LEN} visible ASCII characters: the id of --token-key, or a kid"
            ))),
            _ => Err(HttpError::bad("name exactly one of \"player\", \"jti\" and \"key\"")),
        }
    }
}

/// A time in milliseconds.
fn time(field: &str, value: Option<f64>) -> Result<Option<Millis>, HttpError> {
    let Some(value) = value else { return Ok(None) };
    let millis = if value <= LAST_SECOND { value * 1000.0 } else { value };
    if !(0.0..=LAST_MILLISECOND).contains(&millis) {
        return Err(HttpError::bad(format!(
            "field {field:?} must be a time in seconds since 1970, as iat in a token"
        )));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Some(millis as Millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_and_milliseconds_are_recognised() {
        for (value, millis) in [
            (1_795_000_000.0, 1_795_000_000_000),
            (1_795_000_000.5, 1_795_000_000_500),
            (1_795_000_000_123.0, 1_795_000_000_123),
            (0.0, 0),
        ] {
            assert_eq!(time("until", Some(value)).ok().flatten(), Some(millis), "{value}");
        }
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e18] {
            let error = time("until", Some(wrong)).expect_err("refused");
            assert!(format!("{error:?}").contains("seconds since 1970"), "{wrong}");
        }
    }
}
