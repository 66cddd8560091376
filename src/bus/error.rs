use std::fmt;

/// The bus is unreachable, or refused a request.
#[derive(Debug)]
pub struct BusError {
    bus: &'static str,
    message: String,
    hopeless: bool,
}

impl BusError {
    /// An error of `bus`, in one line.
    pub fn new(bus: &'static str, message: impl Into<String>) -> Self {
        Self { bus, message: message.into(), hopeless: false }
    }

    /// Sets whether the error is permanent: it lasts until the configuration changes, for example after a wrong
    /// password.
    #[cfg(any(feature = "nats", feature = "redis"))]
    pub(super) fn hopeless_if(self, hopeless: bool) -> Self {
        Self { hopeless, ..self }
    }

    /// Whether the error lasts until the configuration changes.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.hopeless
    }
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.bus, self.message)
    }
}

impl std::error::Error for BusError {}
