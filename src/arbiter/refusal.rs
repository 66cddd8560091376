use crate::{
    model::{AssetName, CloseCode, ErrorCode, PlayerName, RoomName},
    store::{StoreError, StoreErrorKind},
};

/// Why a request was refused, as sent to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what was wrong and what is allowed.
    pub message: String,
    /// What must change before the request can succeed.
    pub scope: Scope,
}

/// What must change before a refused request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The request: every server with this configuration refuses it.
    Request,
    /// The state of the room or of the store.
    State,
    /// This node, which is full at present.
    Node,
}

/// How assets come to be, for whoever misses one.
const CREATED_BY: &str = "assets come from --asset, --auto-create or PUT /v1/rooms/{room}/assets/{asset}";

/// Why a connection cannot join, with the close code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JoinError {
    /// `StoreAway`, `Full` or `Duplicate`.
    pub close: CloseCode,
    /// For the log.
    pub message: String,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), scope: Scope::State }
    }

    pub(super) fn about(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Whether the same request may succeed later.
    pub(super) fn temporary(&self) -> bool {
        self.code.temporary() || self.scope == Scope::Node
    }

    pub(super) fn store_unavailable() -> Self {
        Self::new(
            ErrorCode::StoreUnavailable,
            "the store could not be reached in time; nothing changed, try again",
        )
    }

    fn store_refuses() -> Self {
        Self::new(
            ErrorCode::StoreUnavailable,
            "the store refuses changes at present; nothing changed, try again later",
        )
    }

    pub(super) fn unknown_room(room: &RoomName) -> Self {
        Self::new(ErrorCode::UnknownRoom, format!("room {room} has no assets stored and nobody in it"))
    }

    pub(super) fn unknown_asset(asset: &AssetName) -> Self {
        Self::new(ErrorCode::UnknownAsset, format!("the room has no asset {asset}; {CREATED_BY}"))
    }

    pub(super) fn hold_expired(asset: &AssetName, player: &PlayerName) -> Self {
        Self::new(ErrorCode::HoldExpired, format!("player {player}'s hold of asset {asset} has ended"))
    }

    pub(super) fn outcome_unknown() -> Self {
        Self::new(
            ErrorCode::OutcomeUnknown,
            "the store did not say in time whether this took effect; send the same request again to learn",
        )
    }
}

impl From<Refusal> for JoinError {
    fn from(refusal: Refusal) -> Self {
        let close = match refusal.code {
            ErrorCode::LimitReached => CloseCode::Full,
            _ => CloseCode::StoreAway,
        };
        Self { close, message: refusal.message }
    }
}

/// Maps kinds to wire codes. Sources are only logged.
impl From<&StoreError> for Refusal {
    fn from(error: &StoreError) -> Self {
        let code = match error.kind() {
            StoreErrorKind::UnknownAsset => {
                return Self::new(ErrorCode::UnknownAsset, format!("{}; {CREATED_BY}", error.message()));
            }
            StoreErrorKind::NotHeld => ErrorCode::NotHeld,
            StoreErrorKind::Conflict => ErrorCode::Conflict,
            StoreErrorKind::LimitReached => ErrorCode::LimitReached,
            StoreErrorKind::Unavailable if error.cause().is_refusal() => return Self::store_refuses(),
            StoreErrorKind::Unavailable => return Self::store_unavailable(),
            StoreErrorKind::OutcomeUnknown => return Self::outcome_unknown(),
        };
        Self::new(code, error.message())
    }
}
