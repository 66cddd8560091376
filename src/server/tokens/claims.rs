//! The claims of a token whose signature was verified.

use std::{borrow::Cow, time::Duration};

use serde_json::value::RawValue;

use super::{
    KeyId, NamePattern, TokenError,
    grants::{Action, Actions, Grants},
    members::{Members, NoObject, Text},
};
use crate::model::{
    DisplayName, Millis, PlayerName,
    limits::{TOKEN_ID_LEN, TOKEN_LEEWAY_SECS, TOKEN_PATTERNS},
};

/// The `aud` of tokens for this server.
pub(super) const AUDIENCE: &str = "asset-arbiter";
const NO_PLAYER: &str = "the claim sub is no player's name: 1-128 characters of A-Za-z0-9_.:|@+=~-";
const LEEWAY: Millis = TOKEN_LEEWAY_SECS * 1000;
/// The end of the year 9999. A larger time is milliseconds that were taken for seconds, or nonsense.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What the claims allow. `now` is in Unix milliseconds; `max_age` is the longest life of a token.
pub(super) fn read(
    claims: &Members<'_>,
    key: &KeyId,
    now: Millis,
    max_age: Duration,
) -> Result<Grants, TokenError> {
    check_audience(claims)?;
    let player = player(claims)?;
    let (issued_at, expires_at) = life(claims, now, max_age)?;
    let jti = text(claims, "jti")?;
    if jti.as_ref().is_some_and(|jti| jti.is_empty() || jti.len() > TOKEN_ID_LEN) {
        return Err(wrong(format!("the claim jti has not 1 to {TOKEN_ID_LEN} bytes")));
    }
    // Identity providers put anything here. A player with a name that cannot be shown is a player without one.
    let display_name = text(claims, "name")?.and_then(|name| DisplayName::parse(&name).ok());
    let arbiter = arbiter(claims)?;
    let rooms = patterns(&arbiter, "rooms")?.ok_or_else(|| missing("arbiter.rooms"))?;
    if rooms.is_empty() {
        return Err(wrong("the claim arbiter.rooms names no room"));
    }
    let (can, assets) = (actions(&arbiter)?, patterns(&arbiter, "assets")?);
    // Last, so that a token which only has expired is told from one that a newer copy would not mend.
    if now >= expires_at.saturating_add(LEEWAY) {
        return Err(TokenError::expired());
    }
    let (jti, key) = (jti.map(Into::into), key.clone());
    Ok(Grants { player, display_name, issued_at, expires_at, jti, key, rooms, can, assets })
}

fn check_audience(claims: &Members<'_>) -> Result<(), TokenError> {
    let aud = claims.get("aud").ok_or_else(|| missing("aud"))?.get();
    let one = serde_json::from_str::<Text<'_>>(aud).is_ok_and(|Text(one)| one == AUDIENCE);
    let list = || {
        serde_json::from_str::<Vec<Text<'_>>>(aud)
            .is_ok_and(|list| list.iter().any(|Text(one)| one == AUDIENCE))
    };
    if one || list() {
        Ok(())
    } else {
        Err(wrong(format!("the claim aud is not {AUDIENCE}, and no list that has it")))
    }
}

fn player(claims: &Members<'_>) -> Result<PlayerName, TokenError> {
    let sub = text(claims, "sub")?.ok_or_else(|| missing("sub"))?;
    PlayerName::parse(&sub).map_err(|_| wrong(NO_PLAYER))
}

/// `iat` and `exp`.
fn life(claims: &Members<'_>, now: Millis, max_age: Duration) -> Result<(Millis, Millis), TokenError> {
    let iat = time(claims, "iat")?.ok_or_else(|| missing("iat"))?;
    let exp = time(claims, "exp")?.ok_or_else(|| missing("exp"))?;
    if exp <= iat {
        return Err(wrong("the claim exp is not after iat"));
    }
    if u128::from(exp - iat) > max_age.as_millis() {
        return Err(wrong(format!("exp is more than {max_age:?} after iat (--token-max-age)")));
    }
    let latest = now.saturating_add(LEEWAY);
    if iat > latest {
        return Err(wrong("the claim iat is in the future: the signer's clock and this node's differ"));
    }
    if time(claims, "nbf")?.is_some_and(|nbf| nbf > latest) {
        return Err(wrong("the claim nbf is in the future: the token is not valid yet"));
    }
    Ok((iat, exp))
}

/// A NumericDate (RFC 7519, 2): seconds since 1970, possibly with a fraction.
fn time(claims: &Members<'_>, name: &'static str) -> Result<Option<Millis>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = serde_json::from_str::<f64>(value.get()).ok();
    let seconds = seconds.filter(|seconds| (0.0..=LAST_SECOND).contains(seconds));
    let seconds = seconds.ok_or_else(|| wrong(format!("the claim {name} is no time in seconds since 1970")))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(Some((seconds * 1000.0) as Millis))
}

/// The members of `arbiter`. An unknown one is refused, because it may be a limit that this version cannot keep.
fn arbiter<'a>(claims: &Members<'a>) -> Result<Members<'a>, TokenError> {
    const KNOWN: [&str; 3] = ["assets", "can", "rooms"];
    let json = claims.get("arbiter").ok_or_else(|| missing("arbiter"))?.get();
    let arbiter = Members::parse(json.as_bytes()).map_err(|fault| match fault {
        NoObject::Twice => wrong("the claim arbiter has a member twice"),
        NoObject::Deep | NoObject::Other => wrong("the claim arbiter is not an object"),
    })?;
    if let Some(unknown) = arbiter.names().find(|name| !KNOWN.contains(name)) {
        let unknown = shown(unknown);
        return Err(wrong(format!("the claim arbiter has {unknown}, which this server does not know")));
    }
    Ok(arbiter)
}

fn patterns(arbiter: &Members<'_>, name: &str) -> Result<Option<Box<[NamePattern]>>, TokenError> {
    let Some(value) = arbiter.get(name) else { return Ok(None) };
    let patterns: Option<Box<[_]>> = list(name, value)?.iter().map(|Text(text)| text.parse().ok()).collect();
    let rule = || wrong(format!("an item of arbiter.{name} is neither a name nor a prefix with * at its end"));
    patterns.ok_or_else(rule).map(Some)
}

fn actions(arbiter: &Members<'_>) -> Result<Actions, TokenError> {
    let Some(value) = arbiter.get("can") else { return Ok(Actions::DEFAULT) };
    let words = list("can", value)?;
    let actions = words.iter().map(|Text(word)| {
        let known = Action::ALL.map(Action::word).join(", ");
        Action::of(word).ok_or_else(|| wrong(format!("arbiter.can has {}; it may have {known}", shown(word))))
    });
    actions.collect()
}

fn list<'a>(name: &str, value: &'a RawValue) -> Result<Vec<Text<'a>>, TokenError> {
    let list: Vec<_> = serde_json::from_str(value.get())
        .map_err(|_| wrong(format!("the claim arbiter.{name} is not a list of strings")))?;
    if list.len() > TOKEN_PATTERNS {
        return Err(wrong(format!("the claim arbiter.{name} has more than {TOKEN_PATTERNS} items")));
    }
    Ok(list)
}

fn text<'a>(claims: &Members<'a>, name: &'static str) -> Result<Option<Cow<'a, str>>, TokenError> {
    claims.text(name).map_err(|_| wrong(format!("the claim {name} is not a string")))
}

/// A word of a signed token for an error, if it can be nothing else.
fn shown(word: &str) -> Cow<'_, str> {
    let short = (1..=16).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if short { format!("{word:?}").into() } else { "a word that is none".into() }
}

fn missing(claim: &str) -> TokenError {
    wrong(format!("the claim {claim} is missing"))
}

fn wrong(reason: impl Into<Cow<'static, str>>) -> TokenError {
    TokenError::signed(reason)
}
