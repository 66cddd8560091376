use std::sync::Arc;

use super::{Bus, BusError};
use crate::model::{no_driver, scheme};

/// One kind of bus.
pub struct Driver {
    /// The URL schemes it accepts, without the colon.
    pub schemes: &'static [&'static str],
    /// An example URL for help texts.
    pub example: &'static str,
    /// A one-line summary for help texts.
    pub summary: &'static str,
    /// The options of a store's URL that are kept when the bus URL is derived from it; `None`: no bus can be
    /// derived from a store with these schemes.
    pub of_a_store: Option<&'static [&'static str]>,
    /// Parses a URL without opening the bus.
    pub(super) check: fn(&str) -> Result<(), BusError>,
    pub(super) open: fn(&str) -> Result<Arc<dyn Bus>, BusError>,
}

/// Every driver compiled into this build.
pub const DRIVERS: &[Driver] = &[
    super::local::DRIVER,
    #[cfg(feature = "redis")]
    super::redis::DRIVER,
    #[cfg(feature = "nats")]
    super::nats::DRIVER,
];

/// The cargo features that are not compiled in, with the URL schemes that need them.
pub const SWITCHED_OFF: &[(&str, &[&str])] = &[
    #[cfg(not(feature = "redis"))]
    ("redis", &["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"]),
    #[cfg(not(feature = "nats"))]
    ("nats", &["nats", "tls"]),
];

/// Checks a URL without opening the bus.
///
/// # Errors
/// As [`open`], for a URL that can never be opened.
pub fn check(url: &str) -> Result<(), BusError> {
    (known(url)?.check)(url)
}

/// Opens the bus of a URL.
///
/// # Errors
/// [`BusError`] names an unknown scheme and the known ones, a feature that is not compiled in, or the driver's
/// failure.
pub fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    (known(url)?.open)(url)
}

fn known(url: &str) -> Result<&'static Driver, BusError> {
    let scheme = scheme(url);
    DRIVERS.iter().find(|driver| driver.schemes.contains(&scheme)).ok_or_else(|| {
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        BusError::new("bus", no_driver("bus", url, &known, SWITCHED_OFF))
    })
}
