use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use asset_arbiter::{
    model::{Millis, Revocation, Revoked},
    store::{Store, faulty::Faults},
};
use futures::future::join_all;

use super::store;
use crate::conformance::{
    ground::player, promise::Met, promise_under_faults, seeds, suite, suite_under_faults,
};

/// The rough faults of the simulation, with pauses that suit a clock that cannot be turned.
pub fn rough() -> Faults {
    Faults { max_delay: Duration::from_micros(500), max_lateness: Duration::from_millis(10), ..Faults::rough() }
}

/// Races run side by side, as the server has time for more than one.
const LANES: u64 = 10;

/// So many races meet everything there is.
const ENOUGH: u64 = 300;

/// Everything that is asked of a store, with so many races under faults.
pub async fn keeps_the_contract(store: &Arc<dyn Store>, races: u64) {
    suite(|| Arc::clone(store)).await;
    suite_under_faults(|| Arc::clone(store), rough(), seeds(2)).await;
    keeps_the_promise(store, races).await;
}

async fn keeps_the_promise(store: &Arc<dyn Store>, races: u64) {
    let seeds = seeds(races);
    let races = seeds.end - seeds.start;
    let lane = |number: u64| {
        let each = races.div_ceil(LANES);
        let begin = seeds.start + number * each;
        begin.min(seeds.end)..(begin + each).min(seeds.end)
    };
    let lanes = (0..LANES).map(lane).map(|seeds| {
        let store = Arc::clone(store);
        tokio::spawn(async move { promise_under_faults(|| Arc::clone(&store), rough(), seeds).await })
    });
    let met = join_all(lanes).await.into_iter().fold(Met::default(), |sum, met| sum + met.unwrap());
    // Else the races would have proven less than they say.
    let enough = met.granted > 10 * races && met.denied > 10 * races && met.decided_again * 4 > races;
    assert!(enough || races < ENOUGH, "{met:?}");
}

/// A revocation that ends an hour from now.
pub fn revocation(name: &str) -> Revocation {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as Millis;
    Revocation { of: Revoked::Player(player(name)), issued_before: now, until: now + 3_600_000 }
}

/// A node reads what another one revoked, also when that is gone.
pub async fn revocations_outlast_their_node(url: &str) {
    let (first, second, revocation) = (store(url).await, store(url).await, revocation("ann|b=c@d"));
    let now = revocation.issued_before;
    assert_eq!(second.revocations(now).await.unwrap(), []);
    first.revoke(&revocation, now).await.unwrap();
    assert_eq!(second.revocations(now).await.unwrap(), std::slice::from_ref(&revocation));
    drop((first, second));
    let third = store(url).await;
    third.revoke(&revocation, now).await.unwrap();
    assert_eq!(third.revocations(now).await.unwrap(), std::slice::from_ref(&revocation));
    assert_eq!(third.revocations(revocation.until).await.unwrap(), []);
}
