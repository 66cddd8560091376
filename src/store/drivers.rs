use std::{sync::Arc, time::Duration};

use super::{HistoryLimits, Limits, Result, Store, StoreError, StoreErrorKind};
use crate::model::{no_driver, scheme};

/// Options for opening a store, besides its URL.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long an unused room is kept; `None`: for ever.
    pub room_ttl: Option<Duration>,
    /// Maximum number of assets in all rooms, tombstones included; `None`: unlimited. Only `memory:` has this
    /// limit.
    pub max_assets: Option<usize>,
    /// Maximum number of events that wait for one asset, after which the oldest are merged; `None`: changes are not kept
    /// as events.
    pub events_backlog: Option<usize>,
    /// How much is kept of the events that were acknowledged; `None`: nothing.
    pub history: Option<HistoryLimits>,
}

impl Options {
    /// How long an unused room is kept, unless the URL sets it; zero: for ever.
    #[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "mysql", feature = "redis"))]
    pub(super) fn room_ttl_unless(self, of_url: Option<Duration>) -> Option<Duration> {
        of_url.or(self.room_ttl).filter(|ttl| !ttl.is_zero())
    }
}

/// One kind of store.
pub struct Driver {
    /// The URL schemes it accepts, without the colon.
    pub schemes: &'static [&'static str],
    /// An example URL for help texts.
    pub example: &'static str,
    /// A one-line summary for help texts.
    pub summary: &'static str,
    /// The source of its file, whose header states the guarantees.
    pub(super) source: &'static str,
    /// The limits of its stores.
    pub limits: Limits,
    /// Parses a URL, and looks whether its file can be there, without opening the store.
    pub(super) check: fn(&str, Options) -> Result<()>,
    pub(super) open: fn(&str, Options) -> Result<Arc<dyn Store>>,
}

impl Driver {
    /// The guarantees in the header of the driver's file, each with its label.
    #[must_use]
    pub fn promises(&self) -> Vec<(&'static str, String)> {
        let mut promises = Vec::<(_, String)>::new();
        for line in self.source.lines().map_while(|line| line.strip_prefix("//! ")) {
            if let Some((label, said)) = line.strip_prefix("**").and_then(|line| line.split_once("**: ")) {
                promises.push((label, said.to_owned()));
            } else if let Some((_, said)) = promises.last_mut() {
                *said += &format!(" {line}");
            }
        }
        promises
    }

    /// The `Guarantee` entry, in one line.
    #[must_use]
    pub fn guarantee(&self) -> String {
        let promises = self.promises().into_iter();
        promises.filter(|(label, _)| *label == "Guarantee").map(|(_, said)| said).collect()
    }
}

/// Every driver compiled into this build.
pub const DRIVERS: &[Driver] = &[
    super::memory::DRIVER,
    #[cfg(feature = "sqlite")]
    super::sqlite::DRIVER,
    #[cfg(feature = "redis")]
    super::redis::DRIVER,
    #[cfg(feature = "dynamodb")]
    super::dynamodb::DRIVER,
    #[cfg(feature = "mongodb")]
    super::mongodb::DRIVER,
    #[cfg(feature = "mysql")]
    super::mysql::DRIVER,
    #[cfg(feature = "momento")]
    super::momento::DRIVER,
];

/// The cargo features that are not compiled in, with the URL schemes that need them.
pub const SWITCHED_OFF: &[(&str, &[&str])] = &[
    #[cfg(not(feature = "sqlite"))]
    ("sqlite", &["sqlite"]),
    #[cfg(not(feature = "redis"))]
    ("redis", &["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"]),
    #[cfg(not(feature = "dynamodb"))]
    ("dynamodb", &["dynamodb"]),
    #[cfg(not(feature = "mongodb"))]
    ("mongodb", &["mongodb", "mongodb+srv"]),
    #[cfg(not(feature = "mysql"))]
    ("mysql", &["mysql"]),
    #[cfg(not(feature = "momento"))]
    ("momento", &["momento"]),
];

/// The driver for a URL, if it is compiled in.
#[must_use]
pub fn driver(url: &str) -> Option<&'static Driver> {
    let scheme = scheme(url);
    DRIVERS.iter().find(|driver| driver.schemes.contains(&scheme))
}

/// Checks a URL without opening the store.
///
/// # Errors
/// As [`open`], for a URL that can never be opened.
pub fn check(url: &str, options: Options) -> Result<()> {
    (known(url)?.check)(url, options)
}

/// Opens the store of a URL.
///
/// # Errors
/// `Unavailable` names an unknown scheme and the known ones, a feature that is not compiled in, or the driver's
/// failure.
pub fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    (known(url)?.open)(url, options)
}

fn known(url: &str) -> Result<&'static Driver> {
    driver(url).ok_or_else(|| {
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        StoreError::new("store", StoreErrorKind::Unavailable, no_driver("store", url, &known, SWITCHED_OFF))
    })
}
