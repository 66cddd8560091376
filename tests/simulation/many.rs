//! Many seeds, on every core one after the other.

use std::{
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use super::{
    planted::Planted,
    run::{Broken, Met, play},
};

/// Plays seeds, on every core one after the other, up to the first that breaks a promise.
pub fn play_all(planted: Option<Planted>, seeds: Range<u64>) -> Result<Met, Box<Broken>> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut met = Met::default();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds.end {
                return Ok(met);
            }
            met += play(seed, planted).inspect_err(|_| next.store(seeds.end, Relaxed))?;
        }
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.fold(Ok(Met::default()), first)
    })
}

/// What both met, or the earlier of what broke.
fn first(one: Result<Met, Box<Broken>>, other: Result<Met, Box<Broken>>) -> Result<Met, Box<Broken>> {
    match (one, other) {
        (Ok(mut met), Ok(more)) => {
            met += more;
            Ok(met)
        }
        (Err(one), Err(other)) => Err(if one.plan.seed < other.plan.seed { one } else { other }),
        (Err(broken), _) | (_, Err(broken)) => Err(broken),
    }
}
