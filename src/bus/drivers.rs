use std::sync::Arc;

use super::{Bus, BusError};
use crate::model::without_secrets;

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
    /// Takes a URL apart without opening anything.
    pub(super) check: fn(&str) -> Result<(), BusError>,
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

/// Says what is wrong with a URL, without opening anything.
///
/// # Errors
/// As [`open`] for a URL that can never be opened.
pub fn check(url: &str) -> Result<(), BusError> {
    (known(url)?.check)(url)
}

/// Opens the bus a URL names.
///
/// # Errors
/// [`BusError`] names an unknown scheme and those there are, a feature that is off, or what the driver could not do.
pub fn open(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    (known(url)?.open)(url)
}

fn known(url: &str) -> Result<&'static Driver, BusError> {
    let scheme = |url: &str| url.split_once(':').map_or(url, |(scheme, _)| scheme).to_owned();
    let named = scheme(url);
    DRIVERS.iter().find(|driver| driver.schemes.contains(&&*named)).ok_or_else(|| {
        // One that nobody knows may be a password.
        let scheme = scheme(&without_secrets(url));
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        let off = SWITCHED_OFF.iter().find(|(_, schemes)| schemes.contains(&&*scheme));
        let why = off.map_or_else(
            || format!("no bus has the scheme {scheme:?}"),
            |(feature, _)| format!("this build was made without the feature {feature:?} that {scheme}: needs"),
        );
        BusError::new("bus", format!("{why}; this build has {}", known.join(", ")))
    })
}
