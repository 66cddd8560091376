use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use super::error::HttpError;
use crate::model::{AssetName, ErrorCode, InvalidDisplayName, InvalidName, PlayerName, RoomName};

/// The room named in the path.
pub(super) struct InRoom(pub(super) RoomName);

/// The room and the asset named in the path.
pub(super) struct InAsset(pub(super) RoomName, pub(super) AssetName);

/// The player named in the path.
pub(super) struct InPlayer(pub(super) PlayerName);

/// The room and the player named in the path.
pub(super) struct OfPlayer(pub(super) RoomName, pub(super) PlayerName);

impl<S: Send + Sync> FromRequestParts<S> for InPlayer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        Ok(Self(PlayerName::parse(&segment("player", parts, state).await?)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OfPlayer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let InRoom(room) = InRoom::from_request_parts(parts, state).await?;
        let InPlayer(player) = InPlayer::from_request_parts(parts, state).await?;
        Ok(Self(room, player))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InRoom {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        Ok(Self(RoomName::parse(&segment("room", parts, state).await?)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for InAsset {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let InRoom(room) = InRoom::from_request_parts(parts, state).await?;
        Ok(Self(room, AssetName::parse(&segment("asset", parts, state).await?)?))
    }
}

/// One percent-decoded segment of the path. Empty if the route has no such segment; the empty string is not a valid
/// name.
async fn segment<S: Send + Sync>(name: &str, parts: &mut Parts, state: &S) -> Result<String, HttpError> {
    let segments = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| HttpError::new(ErrorCode::InvalidName, "the path is not UTF-8 after percent-decoding"))?;
    let found = segments.iter().find(|(key, _)| *key == name);
    Ok(found.map(|(_, value)| value.to_owned()).unwrap_or_default())
}

impl From<InvalidName> for HttpError {
    fn from(error: InvalidName) -> Self {
        Self::new(ErrorCode::InvalidName, error.to_string())
    }
}

impl From<InvalidDisplayName> for HttpError {
    fn from(error: InvalidDisplayName) -> Self {
        Self::new(ErrorCode::InvalidName, error.to_string())
    }
}
