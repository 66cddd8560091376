use std::{sync::Arc, time::Duration};

use super::{Limits, Result, Store, StoreError, StoreErrorKind};
use crate::model::without_secrets;

/// What a store is opened with besides its URL.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Rooms nobody used for this long may go; `None`: never.
    pub room_ttl: Option<Duration>,
    /// Assets of all rooms together, tombstones included; `None`: no bound. Only `memory:` keeps one.
    pub max_assets: Option<usize>,
}

/// One kind of store.
pub struct Driver {
    /// URL schemes it takes, without the colon.
    pub schemes: &'static [&'static str],
    /// One URL to show in help texts.
    pub example: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Its file, for what it opens with.
    pub(super) source: &'static str,
    /// What its stores can hold and do.
    pub limits: Limits,
    /// Takes a URL apart without opening anything.
    pub(super) check: fn(&str, Options) -> Result<()>,
    pub(super) open: fn(&str, Options) -> Result<Arc<dyn Store>>,
}

impl Driver {
    /// What it promises, each under its label, in the words its file opens with.
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

    /// The first of them, in one line.
    #[must_use]
    pub fn guarantee(&self) -> String {
        let promises = self.promises().into_iter();
        promises.filter(|(label, _)| *label == "Guarantee").map(|(_, said)| said).collect()
    }
}

/// Every driver of this build.
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

/// The cargo features this build lacks, and the URL schemes that need them.
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

/// The driver that takes a URL, if this build has it.
#[must_use]
pub fn driver(url: &str) -> Option<&'static Driver> {
    let scheme = scheme(url);
    DRIVERS.iter().find(|driver| driver.schemes.contains(&scheme))
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}

/// Says what is wrong with a URL, without opening anything.
///
/// # Errors
/// As [`open`] for a URL that can never be opened.
pub fn check(url: &str, options: Options) -> Result<()> {
    (known(url)?.check)(url, options)
}

/// Opens the store a URL names.
///
/// # Errors
/// `Unavailable` names an unknown scheme and those there are, a feature that is off, or what the driver could not do.
pub fn open(url: &str, options: Options) -> Result<Arc<dyn Store>> {
    (known(url)?.open)(url, options)
}

fn known(url: &str) -> Result<&'static Driver> {
    driver(url).ok_or_else(|| {
        let scheme = scheme_shown(url);
        let known: Vec<_> = DRIVERS.iter().map(|driver| driver.example).collect();
        let off = SWITCHED_OFF.iter().find(|(_, schemes)| schemes.contains(&&*scheme));
        let why = off.map_or_else(
            || format!("no store has the scheme {scheme:?}"),
            |(feature, _)| format!("this build was made without the feature {feature:?} that {scheme}: needs"),
        );
        let message = format!("{why}; this build has {}", known.join(", "));
        StoreError::new("store", StoreErrorKind::Unavailable, message)
    })
}

/// The scheme of a URL that nobody knows, which may be a password.
fn scheme_shown(url: &str) -> String {
    scheme(&without_secrets(url)).to_owned()
}
