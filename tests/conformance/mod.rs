//! The store contract as named properties over any store. A new store passes [`suite`] unchanged, and
//! [`suite_under_faults`] with the faults it must bear.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a property fails")]

mod barred;
mod create;
mod events;
pub mod flawed;
pub mod ground;
mod history;
mod leases;
pub mod likeness;
mod names;
pub mod promise;
mod races;
mod reads;
mod release;
mod remove;
mod repeats;
mod reset;
mod restock;
pub mod retrying;
mod revocations;
mod rooms;
mod select;

use std::{
    io::{self, Write},
    ops::Range,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use asset_arbiter::store::{
    HistoryKept, HistoryLimits, Limits, Store,
    faulty::{Faults, Faulty},
};
use futures::{FutureExt, future::BoxFuture};

use self::{ground::Ground, promise::Met, retrying::Retrying};

/// The most events of an asset in stores that [`suite_with_events`] checks.
pub const BACKLOG: usize = 20;

/// How much of the history they keep, if they can.
pub const HISTORY: HistoryLimits = HistoryLimits { age: Duration::from_secs(3600), events: 30 };

/// One clause of the contract.
pub struct Property {
    pub name: &'static str,
    /// Whether a store of such limits has it.
    applies: fn(Limits) -> bool,
    run: fn(Ground) -> BoxFuture<'static, ()>,
}

/// Builds the table of a file's properties from the names of its functions. `if` names what a store's limits must
/// allow for it.
macro_rules! properties {
    ($($name:ident $(if $allowed:ident)?),* $(,)?) => {
        pub const PROPERTIES: &[$crate::conformance::Property] = &[$(
            $crate::conformance::Property::new(stringify!($name), |ground| Box::pin($name(ground)))
                $(.only_if(|limits| limits.$allowed))?,
        )*];
    };
}
use properties;

/// Hold under any faults, for whoever repeats a call until it is answered.
const CLAUSES: &[&[Property]] = &[
    create::PROPERTIES,
    select::PROPERTIES,
    release::PROPERTIES,
    restock::PROPERTIES,
    reset::PROPERTIES,
    remove::PROPERTIES,
    reads::PROPERTIES,
    names::PROPERTIES,
    repeats::PROPERTIES,
    revocations::PROPERTIES,
    leases::PROPERTIES,
];

/// Need answers that are not lost: who was first cannot be told from a repeat, and what remembers a call is
/// gone with the room.
const UNDISTURBED: &[&[Property]] = &[rooms::PROPERTIES, races::PROPERTIES, barred::PROPERTIES];

/// Checks every property, each in a room of its own on a store of `make`, and names those that are broken.
pub async fn suite(make: impl Fn() -> Arc<dyn Store>) {
    let broken = broken(make).await;
    assert!(broken.is_empty(), "broken properties: {}", broken.join(", "));
}

/// The same for a store that keeps events, [`BACKLOG`] of each asset, with the properties of events and, if it keeps the
/// history of assets, of that.
pub async fn suite_with_events(make: impl Fn() -> Arc<dyn Store>) {
    let history = if keeps_history(&make) { history::PROPERTIES } else { &[] };
    let properties = all().chain(events::PROPERTIES).chain(history);
    let broken = broken_of(properties, make).await;
    assert!(broken.is_empty(), "broken properties: {}", broken.join(", "));
}

/// The names of the properties that a store breaks. Those that its limits leave out are said.
pub async fn broken(make: impl Fn() -> Arc<dyn Store>) -> Vec<&'static str> {
    broken_of(all(), make).await
}

async fn broken_of(
    properties: impl Iterator<Item = &'static Property>,
    make: impl Fn() -> Arc<dyn Store>,
) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for property in properties {
        let store = make();
        if !(property.applies)(store.limits()) {
            say_left_out(property, store.limits());
            continue;
        }
        // A panic is the property's failure; it is caught so that the others are still checked.
        let ran = AssertUnwindSafe((property.run)(Ground::new(store))).catch_unwind().await;
        if ran.is_err() {
            eprintln!("BROKEN: {}", property.name);
            broken.push(property.name);
        }
    }
    broken
}

/// Checks every clause behind faults, for each seed, and stops at the first that is broken.
pub async fn suite_under_faults(make: impl Fn() -> Arc<dyn Store>, faults: Faults, seeds: Range<u64>) {
    properties_under_faults(CLAUSES, make, faults, seeds).await;
}

/// The same for the properties of events and of the history.
pub async fn events_under_faults(make: impl Fn() -> Arc<dyn Store>, faults: Faults, seeds: Range<u64>) {
    let history = if keeps_history(&make) { history::PROPERTIES } else { &[] };
    properties_under_faults(&[events::PROPERTIES, history], make, faults, seeds).await;
}

/// Only a store that cannot keep it may be without.
fn keeps_history(make: impl Fn() -> Arc<dyn Store>) -> bool {
    let kept = make().keeps_history();
    assert_ne!(kept, HistoryKept::Off, "a store with events is checked with its history");
    kept == HistoryKept::Yes
}

async fn properties_under_faults(
    clauses: &[&'static [Property]],
    make: impl Fn() -> Arc<dyn Store>,
    faults: Faults,
    seeds: Range<u64>,
) {
    for seed in seeds {
        let limits = make().limits();
        for property in clauses.iter().copied().flatten().filter(|property| (property.applies)(limits)) {
            let _said = SayOnPanic(format!("BROKEN: {} under SEED={seed}", property.name));
            let faulty = Arc::new(Faulty::new(make(), seed, faults));
            (property.run)(Ground::new(Arc::new(Retrying::new(faulty.clone())))).await;
            faulty.settled().await;
        }
    }
}

/// Checks the promise behind faults, for each seed, and stops at the first that breaks it.
pub async fn promise_under_faults(make: impl Fn() -> Arc<dyn Store>, faults: Faults, seeds: Range<u64>) -> Met {
    let mut met = Met::default();
    for seed in seeds {
        let _said = SayOnPanic(format!("BROKEN: the promise under SEED={seed}"));
        met = met + promise::holders_are_as_many_as_can_be(make(), faults, seed).await;
        met = met + promise::every_change_takes_effect_once(make(), faults, seed).await;
    }
    met
}

/// `0..count`; the environment may name one seed to replay (`SEED=17`) or another count (`SEEDS=5000`).
pub fn seeds(count: u64) -> Range<u64> {
    let number = |name| {
        let value = std::env::var(name).ok()?;
        Some(value.parse::<u64>().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")))
    };
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    }
}

/// Every property there is.
pub fn all() -> impl Iterator<Item = &'static Property> {
    CLAUSES.iter().chain(UNDISTURBED).copied().flatten()
}

/// Past the test harness, which keeps what successful tests print.
fn say_left_out(property: &Property, limits: Limits) {
    let line = format!("LEFT OUT: {} does not apply to a store of {limits:?}\n", property.name);
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Says something if a test panics, such as its seed.
pub struct SayOnPanic(pub String);

impl Drop for SayOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

impl Property {
    const fn new(name: &'static str, run: fn(Ground) -> BoxFuture<'static, ()>) -> Self {
        Self { name, applies: |_| true, run }
    }

    const fn only_if(self, applies: fn(Limits) -> bool) -> Self {
        Self { applies, ..self }
    }
}
