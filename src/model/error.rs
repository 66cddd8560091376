use serde::{Deserialize, Serialize};

/// Why a request was refused, as told to the client in `error` frames and HTTP error bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, a field missing or of the wrong type, a binary frame.
    BadMessage,
    /// A message type the protocol does not have.
    UnknownType,
    /// A room, asset or player name outside the rule.
    InvalidName,
    /// The room has no such asset.
    UnknownAsset,
    /// The room has nothing stored and nobody in it.
    UnknownRoom,
    /// The player does not hold the asset it wants to release.
    NotHeld,
    /// The asset exists with other units, or its revision is not the one named as condition.
    Conflict,
    /// A bound of the server (assets, units, rooms, queue) would be passed.
    LimitReached,
    /// More requests per second than allowed.
    RateLimited,
    /// The store did not say in time whether the change took effect; ask again with the same select.
    OutcomeUnknown,
    /// The store could not be reached in time; the change did not take effect.
    StoreUnavailable,
    /// No or a wrong credential.
    Unauthorized,
    /// A credential or origin that may not do this.
    Forbidden,
}

impl ErrorCode {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::OutcomeUnknown | Self::StoreUnavailable)
    }

    /// The code as it stands on the wire, also the value of metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::UnknownType => "unknown_type",
            Self::InvalidName => "invalid_name",
            Self::UnknownAsset => "unknown_asset",
            Self::UnknownRoom => "unknown_room",
            Self::NotHeld => "not_held",
            Self::Conflict => "conflict",
            Self::LimitReached => "limit_reached",
            Self::RateLimited => "rate_limited",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::StoreUnavailable => "store_unavailable",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
        }
    }
}
