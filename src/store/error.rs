use std::{error::Error, fmt};

/// Why a store call failed: which store, what kind, and the driver's own error as source.
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
    /// The player does not hold it; nothing happened.
    NotHeld,
    /// Other units or another revision than asked for; nothing happened.
    Conflict,
    /// A bound of the store would be passed; nothing happened.
    LimitReached,
    /// The store could not be reached or refused to work; nothing happened.
    Unavailable,
    /// The call may have taken effect or may yet do so; repeat the same call to learn.
    OutcomeUnknown,
}

/// Why a store did not do what it was asked for, as far as its driver can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorCause {
    /// It is not reached, or cannot work at this moment.
    Unavailable,
    /// The connection broke before the answer, or the answer does not tell.
    OutcomeUnknown,
    /// There was no answer in time.
    NotAnswered,
    /// It is asked for more than it allows in a second.
    Throttled,
    /// It has no memory left for changes.
    OutOfMemory,
    /// It has no disk space left for changes.
    DiskFull,
    /// The login is not accepted, or its user may not do this.
    NoPermission,
    /// It is a replica, or set to take no changes.
    ReadOnly,
    /// Too few of its replicas take part.
    NotReplicated,
    /// It lacks something, such as a table or a command, or is set up so that it takes no changes.
    Misconfigured,
}

impl StoreErrorCause {
    /// Every cause, each at the place of its number.
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

    /// Whether the store is there and takes no changes until somebody does something about it.
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

    /// The word for logs and metric labels.
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
    /// An error of `store` without a source, of the cause that its kind tells.
    pub fn new(store: &'static str, kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { store, kind, cause: None, message: message.into(), hopeless: false, source: None }
    }

    /// Says why in more detail than the kind does.
    #[must_use]
    pub fn because(self, cause: StoreErrorCause) -> Self {
        Self { cause: Some(cause), ..self }
    }

    /// Why the store did not do it.
    #[must_use]
    pub fn cause(&self) -> StoreErrorCause {
        self.cause.unwrap_or(match self.kind {
            StoreErrorKind::OutcomeUnknown => StoreErrorCause::OutcomeUnknown,
            _ => StoreErrorCause::Unavailable,
        })
    }

    /// Says that waiting will not help: somebody has to change the configuration, as after a wrong password.
    #[must_use]
    pub fn hopeless(self) -> Self {
        Self { hopeless: true, ..self }
    }

    /// Whether somebody has to change the configuration first.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    /// Keeps the driver's own error for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was wrong, without naming the store: fit for a player's eyes.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it means for the caller.
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

    /// The word for metric labels.
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
