use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a request was refused, as sent in `error` frames and HTTP error bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Invalid JSON, a missing field, a field of the wrong type, or a binary frame.
    BadMessage,
    /// The protocol has no such message type.
    UnknownType,
    /// A room, asset or player name breaks the naming rule.
    InvalidName,
    /// The room has no such asset.
    UnknownAsset,
    /// The room has no stored assets and no members.
    UnknownRoom,
    /// Nothing is served at this path (HTTP only).
    UnknownPath,
    /// No unit was left (HTTP only; a `selection` says `granted: false`).
    SoldOut,
    /// The player does not hold the asset to release.
    NotHeld,
    /// The hold to extend or confirm ended because its deadline passed.
    HoldExpired,
    /// The asset is reserved for other players (HTTP only).
    Reserved,
    /// The player's last grant of the asset ended too recently (HTTP only).
    Cooldown,
    /// The asset exists with other units, or its revision differs from the condition.
    Conflict,
    /// A limit of the server (assets, units, rooms, queue) would be exceeded.
    LimitReached,
    /// The client sends more requests per second than allowed.
    RateLimited,
    /// The store did not confirm in time whether the change took effect. Retry the same select.
    OutcomeUnknown,
    /// The store was unreachable; the change did not take effect.
    StoreUnavailable,
    /// The credential is missing or wrong.
    Unauthorized,
    /// The credential or origin does not allow this.
    Forbidden,
}

impl ErrorCode {
    /// Returns true if a retry may succeed.
    #[must_use]
    pub fn temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::OutcomeUnknown | Self::StoreUnavailable)
    }

    /// The code in the protocol and in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::UnknownType => "unknown_type",
            Self::InvalidName => "invalid_name",
            Self::UnknownAsset => "unknown_asset",
            Self::UnknownRoom => "unknown_room",
            Self::UnknownPath => "unknown_path",
            Self::SoldOut => "sold_out",
            Self::NotHeld => "not_held",
            Self::HoldExpired => "hold_expired",
            Self::Reserved => "reserved",
            Self::Cooldown => "cooldown",
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
