use std::fmt;

/// The bus cannot be reached, or does not do what it is asked for.
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
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.bus, self.message)
    }
}

impl std::error::Error for BusError {}
