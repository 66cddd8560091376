//! One line in the log for each change that an operator makes.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, request::Parts},
};
use uuid::Uuid;

use super::{auth::Admin, error::HttpError};
use crate::model::{AssetName, PlayerName, RoomName, limits::REQUEST_ID_LEN};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id by which an operator finds the line of a change: the request's `X-Request-Id`, or a random one.
pub(super) struct Audit(String);

/// What a change is of.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) room: Option<&'a RoomName>,
    pub(super) asset: Option<&'a AssetName>,
    pub(super) player: Option<&'a PlayerName>,
}

impl<S: Send + Sync> FromRequestParts<S> for Audit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(given(&parts.headers).unwrap_or_else(|| Uuid::new_v4().simple().to_string())))
    }
}

/// `None`: the request has no id, or one that is too long or would not stay on a line.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=REQUEST_ID_LEN).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

impl Audit {
    /// Logs a change, the `action` as the line's message, and its outcome: `ok`, or an error code.
    pub(super) fn log<T>(self, admin: Admin, target: Target<'_>, action: &str, done: &Result<T, HttpError>) {
        let Target { room, asset, player } = target;
        let (room, asset) = (room.map(RoomName::as_str), asset.map(AssetName::as_str));
        let player = player.map(PlayerName::as_str);
        let by = admin.by().as_str();
        let outcome = done.as_ref().map_or_else(|error| error.code().as_str(), |_| "ok");
        tracing::info!(by, room, asset, player, outcome, request_id = self.0, "{action}");
    }
}

impl<'a> Target<'a> {
    pub(super) fn room(room: &'a RoomName) -> Self {
        Self { room: Some(room), ..Self::default() }
    }

    pub(super) fn asset(room: &'a RoomName, asset: &'a AssetName) -> Self {
        Self { asset: Some(asset), ..Self::room(room) }
    }

    pub(super) fn player(self, player: &'a PlayerName) -> Self {
        Self { player: Some(player), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_no_short_word_is_not_taken() {
        let of = |id: &str| given(&[(REQUEST_ID, id.parse().unwrap())].into_iter().collect());
        assert_eq!(of("a-1").as_deref(), Some("a-1"));
        for id in ["", "two words", "tab\there", &"a".repeat(65)] {
            assert_eq!(of(id), None, "{id:?}");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
