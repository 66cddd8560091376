use std::{error::Error, fmt, time::Duration};

#[cfg(any(feature = "mongodb", feature = "momento"))]
use super::AssetKey;
use crate::model::{AssetName, AssetOptions, NewAsset, PlayerName, Units};

/// A failed store call: the store, the kind of failure, and the driver's own error as source.
#[derive(Debug)]
pub struct StoreError {
    store: &'static str,
    kind: StoreErrorKind,
    cause: Option<StoreErrorCause>,
    message: String,
    hopeless: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failed store call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The room has no such asset; nothing happened.
    UnknownAsset,
    /// The player does not hold the asset; nothing happened.
    NotHeld,
    /// The asset has other units or another revision than requested; nothing happened.
    Conflict,
    /// A limit of the store would be exceeded; nothing happened.
    LimitReached,
    /// The store is unreachable or refused the call; nothing happened.
    Unavailable,
    /// The call may have taken effect, or may still do so; retry the same call to find out.
    OutcomeUnknown,
}

/// Why a store failed, as far as its driver knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorCause {
    /// The store is unreachable, or cannot work at the moment.
    Unavailable,
    /// The connection broke before the answer, or the answer is inconclusive.
    OutcomeUnknown,
    /// The call timed out.
    NotAnswered,
    /// The rate limit of the store was exceeded.
    Throttled,
    /// The store has no memory left for changes.
    OutOfMemory,
    /// The store has no disk space left for changes.
    DiskFull,
    /// The credentials were rejected, or the user lacks a permission.
    NoPermission,
    /// The server is a replica, or is set to read-only.
    ReadOnly,
    /// Too few replicas are available.
    NotReplicated,
    /// Something is missing, such as a table or a command, or the configuration prevents changes.
    Misconfigured,
}

impl StoreErrorCause {
    /// Every cause, in the order of its discriminants.
    pub const ALL: [Self; 10] = [
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::NotAnswered,
        Self::Throttled,
        Self::OutOfMemory,
        Self::DiskFull,
        Self::NoPermission,
        Self::ReadOnly,
        Self::NotReplicated,
        Self::Misconfigured,
    ];

    /// Whether the store is reachable but takes no changes until an operator intervenes.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Unavailable | Self::OutcomeUnknown | Self::NotAnswered | Self::Throttled => false,
            Self::OutOfMemory
            | Self::DiskFull
            | Self::NoPermission
            | Self::ReadOnly
            | Self::NotReplicated
            | Self::Misconfigured => true,
        }
    }

    /// The name in logs and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::NotAnswered => "not_answered",
            Self::Throttled => "throttled",
            Self::OutOfMemory => "out_of_memory",
            Self::DiskFull => "disk_full",
            Self::NoPermission => "no_permission",
            Self::ReadOnly => "read_only",
            Self::NotReplicated => "not_replicated",
            Self::Misconfigured => "misconfigured",
        }
    }
}

impl StoreError {
    /// An error of `store` without a source. The cause follows from the kind.
    pub fn new(store: &'static str, kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { store, kind, cause: None, message: message.into(), hopeless: false, source: None }
    }

    /// The room has no such asset.
    pub(super) fn unknown_asset(store: &'static str, asset: &AssetName) -> Self {
        Self::new(store, StoreErrorKind::UnknownAsset, format!("the room has no asset {asset}"))
    }

    /// The player holds no unit of the asset.
    pub(super) fn not_held(store: &'static str, asset: &AssetName, player: &PlayerName) -> Self {
        let message = format!("player {player} does not hold asset {asset}");
        Self::new(store, StoreErrorKind::NotHeld, message)
    }

    /// The asset was created with other units or options than the call requests.
    pub(super) fn created_otherwise(
        store: &'static str,
        asset: &AssetName,
        (units, options): (Units, Option<&AssetOptions>),
        asked: &NewAsset,
    ) -> Self {
        let none = AssetOptions::NONE;
        let options = options.unwrap_or(&none);
        let message = if units == asked.units {
            format!("asset {asset} was created with the options {options}, not {}", asked.options)
        } else {
            format!("asset {asset} was created with {units} units, not {}", asked.units)
        };
        Self::new(store, StoreErrorKind::Conflict, message)
    }

    /// The player's grant is no hold that could be extended.
    pub(super) fn no_hold(store: &'static str, asset: &AssetName, player: &PlayerName) -> Self {
        let message = format!("what player {player} has of asset {asset} is no hold, or is confirmed");
        Self::new(store, StoreErrorKind::Conflict, message)
    }

    /// The asset is at another revision than the call's condition.
    pub(super) fn other_revision(store: &'static str, asset: &AssetName, revision: u64) -> Self {
        Self::new(store, StoreErrorKind::Conflict, format!("asset {asset} is at revision {revision}"))
    }

    /// The asset would have more units than the store can count.
    pub(super) fn too_many_units(store: &'static str, asset: &AssetName, most: Units) -> Self {
        let message = format!("asset {asset} cannot have more than {most} units in this store");
        Self::new(store, StoreErrorKind::LimitReached, message)
    }

    /// Another program wrote the asset's record.
    #[cfg(any(feature = "mongodb", feature = "momento"))]
    pub(super) fn not_ours(store: &'static str, key: &AssetKey, why: &dyn fmt::Display) -> Self {
        let AssetKey { room, asset } = key;
        let message = format!("what is stored of asset {asset} of room {room} is not ours: {why}");
        Self::new(store, StoreErrorKind::Unavailable, message)
    }

    /// A call that was given up after `within`. It may have taken effect.
    pub(crate) fn not_answered(within: Duration) -> Self {
        let message = format!("no answer within {within:.1?}");
        Self::new("store", StoreErrorKind::OutcomeUnknown, message).because(StoreErrorCause::NotAnswered)
    }

    /// Sets a more detailed cause than the kind implies, if it is known.
    #[must_use]
    pub fn because(self, cause: impl Into<Option<StoreErrorCause>>) -> Self {
        Self { cause: cause.into().or(self.cause), ..self }
    }

    /// The cause of the failure.
    #[must_use]
    pub fn cause(&self) -> StoreErrorCause {
        self.cause.unwrap_or(match self.kind {
            StoreErrorKind::OutcomeUnknown => StoreErrorCause::OutcomeUnknown,
            _ => StoreErrorCause::Unavailable,
        })
    }

    /// Marks the error as permanent: it lasts until the configuration changes, for example after a wrong
    /// password.
    #[must_use]
    pub fn hopeless(self) -> Self {
        Self { hopeless: true, ..self }
    }

    /// As [`Self::hopeless`], if `hopeless`.
    #[cfg(any(feature = "momento", feature = "mongodb", feature = "mysql", feature = "redis"))]
    #[must_use]
    pub(super) fn hopeless_if(self, hopeless: bool) -> Self {
        if hopeless { self.hopeless() } else { self }
    }

    /// Whether the error lasts until the configuration changes.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    /// Attaches the driver's own error, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The reason, without the store's name. May be shown to players.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The meaning for the caller.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl StoreErrorKind {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn temporary(self) -> bool {
        matches!(self, Self::Unavailable | Self::OutcomeUnknown)
    }

    /// The name in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownAsset => "unknown_asset",
            Self::NotHeld => "not_held",
            Self::Conflict => "conflict",
            Self::LimitReached => "limit_reached",
            Self::Unavailable => "unavailable",
            Self::OutcomeUnknown => "outcome_unknown",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.store, self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_at_their_places_and_have_words_of_their_own() {
        for (place, cause) in StoreErrorCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, place);
        }
        let words: std::collections::HashSet<_> = StoreErrorCause::ALL.map(StoreErrorCause::as_str).into();
        assert_eq!(words.len(), StoreErrorCause::ALL.len());
    }

    #[test]
    fn an_error_has_the_cause_of_its_kind_until_it_has_a_better_one() {
        let error = |kind| StoreError::new("test", kind, "no");
        assert_eq!(error(StoreErrorKind::OutcomeUnknown).cause(), StoreErrorCause::OutcomeUnknown);
        let away = error(StoreErrorKind::Unavailable);
        assert_eq!(away.cause(), StoreErrorCause::Unavailable);
        assert_eq!(away.because(StoreErrorCause::ReadOnly).cause(), StoreErrorCause::ReadOnly);
    }
}
