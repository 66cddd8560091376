//! Histories of one asset, recorded while much goes wrong, and held against what one asset may do.
//!
//! The checker is `todc-utils` (`WGLChecker`: Wing and Gong's search with Lowe's memory of what was tried). Its
//! specification sees each answer together with its operation, so one without an answer may be let take effect
//! until its deadline, or never; and it depends on nothing. `stateright` keeps no memory of what it tried, lets
//! an operation without an answer take effect at any time, and brings a web server.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod arena;
mod asset;
mod clock;
mod deadlines;
pub mod ends_apart;
pub mod examples;
pub mod flawed;
pub mod follower;
mod guest;
pub mod history;
pub mod lease_examples;
mod listener;
mod nodes;
pub mod plan;
mod racer;
pub mod run;
pub mod spec;
pub mod wire;

use std::{ops::Range, pin::pin, sync::Arc};

use asset_arbiter::store::Store;
use futures::{Stream, StreamExt, stream};
use tokio::{runtime::Builder, task::spawn_blocking};

use self::{
    plan::Pace,
    run::{Broken, Ends, Met, Raced, Through},
};

/// Races that are kept until they are judged.
const JUDGED_TOGETHER: usize = 1000;
const JUDGES: usize = 2;

/// Seeded histories of clients straight on the store, in virtual time.
pub fn histories(make: impl Fn() -> Arc<dyn Store>, seeds: Range<u64>) -> Met {
    report(Through::Store, virtually(Through::Store, make, seeds))
}

/// Seeded histories of grants that end and of clocks that differ, in virtual time.
pub fn histories_with_deadlines(ends: Ends, make: impl Fn() -> Arc<dyn Store>, seeds: Range<u64>) -> Met {
    report(Through::Deadlines(ends), virtually(Through::Deadlines(ends), make, seeds))
}

/// Seeded schedules of one arbiter or two, in virtual time.
pub fn schedules(make: impl Fn() -> Arc<dyn Store>, seeds: Range<u64>) -> Met {
    report(Through::Arbiter, virtually(Through::Arbiter, make, seeds))
}

/// [`histories`] on a store that lives in real time, `at_once` at a time, each in a room of its own.
pub async fn histories_in_real_time(
    make: impl Fn() -> Arc<dyn Store>,
    seeds: Range<u64>,
    at_once: usize,
) -> Met {
    report(Through::Store, really(Through::Store, make, seeds, at_once).await)
}

/// [`histories_with_deadlines`] on a store that lives in real time, `at_once` at a time, each in a room of its own.
pub async fn histories_with_deadlines_in_real_time(
    ends: Ends,
    make: impl Fn() -> Arc<dyn Store>,
    seeds: Range<u64>,
    at_once: usize,
) -> Met {
    report(Through::Deadlines(ends), really(Through::Deadlines(ends), make, seeds, at_once).await)
}

/// [`schedules`] on a store that lives in real time, `at_once` at a time, each in a room of its own. What the
/// store and the wire do there is not by seed, so a seed replays the plan, not every turn of it.
pub async fn schedules_in_real_time(
    make: impl Fn() -> Arc<dyn Store>,
    seeds: Range<u64>,
    at_once: usize,
) -> Met {
    report(Through::Arbiter, really(Through::Arbiter, make, seeds, at_once).await)
}

/// One after the other, each in a world of its own, up to the first that breaks.
pub fn virtually(
    through: Through,
    make: impl Fn() -> Arc<dyn Store>,
    seeds: Range<u64>,
) -> Result<Met, Box<Broken>> {
    let mut met = Met::default();
    for seed in seeds {
        met += in_virtual_time(async { through.race(make(), seed, Pace::VIRTUAL).await }).judge()?;
    }
    Ok(met)
}

/// Runs something where time passes only when nothing else can.
pub fn in_virtual_time<T>(run: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(run)
}

async fn really(
    through: Through,
    make: impl Fn() -> Arc<dyn Store>,
    seeds: Range<u64>,
    at_once: usize,
) -> Result<Met, Box<Broken>> {
    let race = |seed| {
        let store = make();
        async move { tokio::spawn(through.race(store, seed, Pace::REAL)).await.unwrap() }
    };
    judged(stream::iter(seeds).map(race).buffer_unordered(at_once)).await
}

/// Judges races after they are over, some at a time: a judge at work keeps the cores from those who race, and
/// what they then do not get done in time makes more work for judges.
pub async fn judged(races: impl Stream<Item = Raced>) -> Result<Met, Box<Broken>> {
    let mut races = pin!(races.chunks(JUDGED_TOGETHER));
    let mut met = Met::default();
    while let Some(over) = races.next().await {
        let judge = |raced: Raced| async { spawn_blocking(|| raced.judge()).await.unwrap() };
        let mut verdicts = stream::iter(over).map(judge).buffer_unordered(JUDGES);
        while let Some(one) = verdicts.next().await {
            met += one?;
        }
    }
    Ok(met)
}

/// Prints what was met, which must be enough.
pub fn report(through: Through, met: Result<Met, Box<Broken>>) -> Met {
    let what = through.what();
    match met {
        Ok(met) => {
            println!("{what}: {met:?}");
            met.assert_enough(through);
            met
        }
        Err(broken) => panic!("{what}: {broken}"),
    }
}
