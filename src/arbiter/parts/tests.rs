use std::collections::BTreeMap;

use super::*;
use crate::{
    arbiter::view::untouched,
    model::{AssetOptions, Grant, Lease, Millis, PlayerName, Terms, Units},
};

/// A room of assets that a test changes.
#[derive(Default)]
struct Scene {
    assets: BTreeMap<AssetName, Arc<AssetState>>,
    parts: Parts,
}

fn name(n: usize) -> AssetName {
    format!("asset-{n:04}").parse().unwrap()
}

impl Scene {
    fn new(count: usize, holders: usize) -> Self {
        let mut scene = Self::default();
        (0..count).for_each(|n| scene.set(n, 0, holders));
        scene
    }

    fn set(&mut self, n: usize, revision: u64, holders: usize) {
        let until = (n % 3 > 0).then_some(Millis::MAX);
        let player = |n: usize| format!("p{n}").parse::<PlayerName>().unwrap();
        let grant = |n: usize| Grant::leased(player(n), 7, 0, Lease { until, ..Lease::NONE });
        let holders: Vec<_> = (0..holders).map(grant).collect();
        let [hold_ms, grant_ms, leave_ms, cooldown_ms, for_ms] = [until; 5];
        let reserved_for = (0..n % 3).map(player).collect();
        let options = AssetOptions { hold_ms, grant_ms, leave_ms, cooldown_ms, for_ms, reserved_for };
        let terms = Terms::of_new(&options, 0);
        let state =
            AssetState { revision, held: Units::MAX, holders, terms, ..untouched(&name(n), Units::MAX) };
        self.assets.insert(name(n), Arc::new(state));
        self.parts.touch(&name(n));
    }

    fn remove(&mut self, n: usize) {
        self.assets.remove(&name(n));
        self.parts.touch(&name(n));
    }

    fn share(&mut self) -> Arc<SharedAssets> {
        let assets = &self.assets;
        self.parts.share(|from, to| {
            let rest = assets.iter().skip_while(|(name, _)| from.is_some_and(|from| *name < from));
            rest.take_while(|(name, _)| to.is_none_or(|to| *name < to))
                .map(|(_, state)| Arc::clone(state))
                .collect()
        })
    }

    fn is_shown_by(&self, shared: &SharedAssets) -> bool {
        shared.states().unwrap().iter().eq(self.assets.values().map(|state| &**state))
    }
}

fn parts(shared: &SharedAssets) -> Vec<Arc<Part>> {
    (0..shared.count()).map(|n| shared.part(n).unwrap().unwrap()).collect()
}

#[test]
fn a_change_gives_up_one_part_and_what_is_read_stays_as_it_was() {
    let mut scene = Scene::new(1000, 8);
    let before = scene.share();
    assert!(Arc::ptr_eq(&before, &scene.share()), "nothing changed");
    let (states, old) = (before.states().unwrap(), parts(&before));
    assert!(old.len() > 5, "{} parts", old.len());
    scene.set(500, 1, 8);
    let after = scene.share();
    assert_eq!(before.states().unwrap(), states);
    assert!(scene.is_shown_by(&after));
    let new = parts(&after);
    assert_eq!(new.len(), old.len());
    let kept = old.iter().zip(&new).filter(|(old, new)| Arc::ptr_eq(old, new)).count();
    assert_eq!(kept, old.len() - 1);
}

#[test]
fn parts_fit_and_show_all_whatever_comes_and_goes() {
    let mut scene = Scene::default();
    assert_eq!(scene.share().count(), 0);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..3000 {
        let n = random.usize(0..600);
        if random.u8(..) < if round < 1500 { 60 } else { 200 } {
            scene.remove(n);
        } else {
            scene.set(n, round, random.usize(0..33));
        }
        if random.u8(..) < 40 {
            let shared = scene.share();
            assert!(scene.is_shown_by(&shared));
            let parts = parts(&shared);
            let total: usize = parts.iter().map(|part| part.size).sum();
            assert!(parts.len() <= 2 * (total / PART_BYTES + 1), "{} parts of {total} bytes", parts.len());
            for part in parts {
                assert!(part.json().len() <= part.size && part.size <= PART_BYTES);
            }
        }
    }
}

#[test]
fn what_changed_and_is_still_read_has_a_bound_and_the_first_readers_keep_theirs() {
    let mut scene = Scene::new(2000, 32);
    let first = scene.share();
    let mut read = vec![Arc::clone(&first)];
    for revision in 1..60 {
        (0..2000).step_by(7).for_each(|n| scene.set(n, revision, 32));
        read.push(scene.share());
        assert!(scene.parts.old_bytes.load(Relaxed) <= OLD_PARTS_BYTES);
    }
    assert!(first.part(0).is_ok(), "who reads longest goes on");
    let kept = read.iter().filter(|shared| shared.part(0).is_ok()).count();
    assert!((10..50).contains(&kept), "{kept} of {}", read.len());
    assert!(scene.is_shown_by(read.last().unwrap()), "what is there now can be read");
    read.clear();
    drop(first);
    scene.set(0, 99, 0);
    assert_eq!(scene.parts.old_bytes.load(Relaxed), 0, "and all goes with its readers");
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_too_slowly_is_the_first_to_begin_again() {
    let mut scene = Scene::new(2000, 32);
    let first = scene.share();
    tokio::time::advance(Duration::from_secs(SNAPSHOT_SECS + 1)).await;
    let mut read = Vec::new();
    for revision in 1..60 {
        (0..2000).step_by(7).for_each(|n| scene.set(n, revision, 32));
        read.push(scene.share());
    }
    assert_eq!(first.part(0).unwrap_err(), GivenUp);
    assert!(read[0].part(0).is_ok());
}

#[test]
fn what_nobody_reads_any_more_is_given_back() {
    let mut scene = Scene::new(1000, 8);
    let shared = scene.share();
    for _ in 0..2 * ENCODED_SECS {
        assert!(scene.parts.rest().is_empty(), "somebody reads it");
    }
    drop(shared);
    assert!(!scene.parts.rest().is_empty());
    let again = scene.share();
    assert!(scene.is_shown_by(&again));
    drop(again);
    assert!((1..ENCODED_SECS).all(|_| scene.parts.rest().is_empty()), "somebody may come back soon");
    assert!(!scene.parts.rest().is_empty());
}
