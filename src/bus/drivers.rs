use std::sync::Arc;

use super::{Bus, BusError};

/// One kind of bus.
pub struct Driver {
    /// URL schemes it takes, without the colon.
    pub schemes: &'static [&'static str],
    /// One URL to show in help texts.
    pub example: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Which options of a store's URL go with it into the URL of its own bus; `None`: a store of these schemes is no
    /// bus.
    pub of_a_store: Option<&'static [&'static str]>,
    pub(super) open: fn(&str) -> Result<Arc<dyn Bus>, BusError>,
}

/// Every driver of this build.
pub const DRIVERS: &[Driver] = &[
    super::local::DRIVER,
    #[cfg(feature = "redis")]
    super::redis::DRIVER,
    #[cfg(feature = "nats")]
    super::nats::DRIVER,
];

/// The cargo features this build lacks, and the URL schemes that need them.
pub const SWITCHED_OFF: &[(&str, &[&str])] = &[
    #[cfg(not(feature = "redis"))]
    ("redis", &["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"]),
    #[cfg(not(feature = "nats"))]
    ("nats", &["nats", "tls"]),
];

/// Opens the bus a URL names.
///
/// # Errors
/// [`BusError`] names an unknown scheme and those there are, a feature that is off, or what the driver could not do.
pub fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    let Some(driver) = DRIVERS.iter().find(|driver| driver.schemes.contains(&scheme)) else {
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        let off = SWITCHED_OFF.iter().find(|(_, schemes)| schemes.contains(&scheme));
        let why = off.map_or_else(
            || format!("no bus has the scheme {scheme:?}"),
            |(feature, _)| format!("this build was made without the feature {feature:?} that {scheme}: needs"),
        );
        return Err(BusError::new("bus", format!("{why}; this build has {}", known.join(", "))));
    };
    (driver.open)(url)
}
