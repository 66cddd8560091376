//! Many nodes, one room: whatever happens to nodes, to their store and to the wire between them, once quiet
//! everyone knows the same, every promise was kept, and nothing is left behind; and bugs that are planted show.
//! Assets are removed and made again, and once in a while the store loses everything; the room is not removed: everything told is held against the one history of an asset, by
//! revision, and a removed room forgets its revisions and the calls of its nodes. A node that did not hear of that is right
//! to log that the store lost writes. `arbiter/removal.rs` and `arbiter/order.rs` have the two sides of it.
//! `SEED=17` replays one seed, `SEEDS=20000` tries more.

#![allow(unreachable_pub, reason = "modules of a test")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod answers;
mod client;
mod complaints;
#[path = "../conformance/mod.rs"]
mod conformance;
mod deadlines;
#[path = "../linearizability/mod.rs"]
mod linearizability;
mod many;
mod plan;
mod planted;
mod player;
mod recording_store;
mod run;
mod tally;
mod trace;
mod witness;
mod world;

use conformance::seeds;
use many::play_all;
use planted::Planted;
use run::trace;

#[test]
fn every_promise_is_kept_by_many_nodes() {
    match play_all(None, seeds(3000)) {
        Ok(met) => {
            println!("{met:?}");
            met.assert_enough();
        }
        Err(broken) => panic!("{broken}"),
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 0..100 {
        let (one, other) = (trace(seed), trace(seed));
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}

/// Seeds within which every planted bug must show.
const SHOWS_WITHIN: u64 = 200;

#[test]
fn a_planted_bug_shows() {
    for planted in [
        Planted::SkipsTheRevisionCheck,
        Planted::DeniesLostReplies,
        Planted::ForgetsSelects,
        Planted::ForgetsReleases,
        Planted::ForgetsRestocks,
        Planted::NeverResyncs,
        Planted::MakesAnewWhatIsMissing,
        Planted::EndsTwice,
        Planted::ForgetsToEnd,
        Planted::ProlongsEverybody,
    ] {
        let Err(broken) = play_all(Some(planted), 0..SHOWS_WITHIN) else { panic!("{planted:?} does not show") };
        println!("{planted:?} shows under SEED={}: {}", broken.plan.seed, broken.why);
    }
    play_all(None, 0..SHOWS_WITHIN).unwrap_or_else(|broken| panic!("without a planted bug: {broken}"));
}
