use std::{error::Error, fmt};

/// Why a store call failed: which store, what kind, and the driver's own error as source.
#[derive(Debug)]
pub struct StoreError {
    store: &'static str,
    kind: StoreErrorKind,
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

impl StoreError {
    /// An error of `store` without a source.
    pub fn new(store: &'static str, kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { store, kind, message: message.into(), hopeless: false, source: None }
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
