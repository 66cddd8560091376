//! What a network does to one request, for stores that write with one request.

use asset_arbiter::model::EndReason;
use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    slice::from_ref,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use asset_arbiter::store::{Result, StoreErrorKind, Verdict, faulty::Faults};
use tokio::time::sleep;

use super::{contract::revocation, patient, store};
use crate::{
    conformance::{
        ground::{Ground, Node, already, asset, granted, players, refusal},
        promise_under_faults, seeds,
    },
    engines::{
        eventually,
        proxy::{Fault, Proxy},
    },
};

pub const LATE: Duration = Duration::from_secs(1);

/// Less than an arbiter's deadline for a select, with time left for the repeat.
pub const NOTICED: Duration = Duration::from_millis(2500);

/// A store behind a proxy, and the same server past it.
pub struct Sides {
    pub proxy: Proxy,
    pub ground: Ground,
    pub truth: Ground,
    /// What is in each request that grants or releases, and in no other.
    pub write: &'static str,
    /// The same of a restock.
    pub restock: &'static str,
}

/// Faults that lose a request or its answer, and whether the request arrived.
pub const CUTS: [(Fault, bool); 3] =
    [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::HalfReply, true)];

impl Sides {
    /// Puts a proxy before the server at an address. `url` is the store's URL at an address.
    pub async fn of(server: SocketAddr, url: impl Fn(SocketAddr) -> String, write: &'static str) -> Self {
        let proxy = Proxy::start(server).await;
        let ground = Ground::new(store(&url(proxy.address)).await);
        let truth = Ground { store: store(&url(server)).await, room: ground.room.clone() };
        Self { proxy, ground, truth, write, restock: write }
    }
}

/// The repeat may have been quicker than the original, which then finds that its call was made.
pub fn is_first(verdict: Verdict) -> bool {
    [granted(1), already(1)].contains(&verdict)
}

/// A select, a release and a restock that arrive twice at once, and once more a second later when it would do harm, take
/// effect once.
pub async fn repeats_take_effect_once(Sides { proxy, ground, truth, write, restock }: Sides) {
    let (sword, node, other, [ann, bob]) = (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
    truth.create(other.next(), &sword, 5).await;

    proxy.next(write, Fault::Twice);
    let selected = ground.select(node.next(), &sword, from_ref(&ann)).await;
    assert!(is_first(selected.verdicts[0]), "{selected:?}");
    proxy.settled().await;
    assert_eq!((truth.state(&sword).await.revision, truth.holders(&sword).await.len()), (1, 1));
    proxy.next(write, Fault::Again(LATE));
    assert_eq!(ground.select(node.next(), &sword, from_ref(&bob)).await.verdicts, [granted(2)]);
    let before = truth.release(other.next(), &sword, &bob).await;
    proxy.settled().await;
    assert_eq!(truth.state(&sword).await, *before, "bob gave it back");
    assert_eq!(truth.holders(&sword).await.len(), 1);

    truth.select(other.next(), &sword, from_ref(&bob)).await;
    proxy.next(write, Fault::Twice);
    ground.release(node.next(), &sword, &ann).await;
    proxy.settled().await;
    assert_eq!((truth.state(&sword).await.remaining, truth.state(&sword).await.revision), (4, 5));
    proxy.next(write, Fault::Again(LATE));
    ground.release(node.next(), &sword, &bob).await;
    let before = truth.select(other.next(), &sword, from_ref(&bob)).await.into_inner().state;
    proxy.settled().await;
    assert_eq!(truth.state(&sword).await, before, "bob got it anew");

    proxy.next(restock, Fault::Twice);
    ground.restock(node.next(), &sword, 3).await;
    proxy.settled().await;
    assert_eq!(truth.state(&sword).await.units, 8);
    proxy.next(restock, Fault::Again(LATE));
    ground.restock(node.next(), &sword, 3).await;
    let before = truth.release(other.next(), &sword, &bob).await;
    proxy.settled().await;
    assert_eq!((proxy.met(), truth.state(&sword).await), (6, before.into_inner()), "11 units");
    assert!(truth.holders(&sword).await.is_empty());
}

/// A call whose request or answer is lost says that its outcome is unknown; the same call made again finds out. `lose` lets
/// the next write meet the fault. `arrived` says whether the write then takes effect; `None`: the server may do either.
pub async fn a_cut_is_found_out<F: Copy + Debug>(
    ground: &Ground,
    truth: &Ground,
    lose: impl Fn(F),
    fault: F,
    arrived: Option<bool>,
) {
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    truth.create(Node::new().next(), &sword, 2).await;
    let (store, key) = (&ground.store, &ground.key(&sword));
    let fits = |repeated| arrived.is_none_or(|arrived| arrived == repeated);

    let call = node.next();
    let select = || store.select(call, key, from_ref(&ann), None);
    lose(fault);
    assert_eq!(refusal(select().await), StoreErrorKind::OutcomeUnknown, "{fault:?}");
    let again = answered(select).await;
    assert!(fits(again.is_repeat()), "{fault:?}: {again:?}");
    assert_eq!(again.verdicts, [if again.is_repeat() { already(1) } else { granted(1) }], "{fault:?}");

    let call = node.next();
    let restock = || store.restock(call, key, 3, None);
    lose(fault);
    assert_eq!(refusal(restock().await), StoreErrorKind::OutcomeUnknown, "{fault:?}");
    let again = answered(restock).await;
    assert!(fits(again.is_repeat()) && again.units == 5, "{fault:?}: {again:?}");

    let call = node.next();
    let release = || store.release(call, key, &ann, EndReason::Released);
    lose(fault);
    assert_eq!(refusal(release().await), StoreErrorKind::OutcomeUnknown, "{fault:?}");
    let again = answered(release).await;
    assert!(fits(again.is_repeat()) && again.remaining == 5, "{fault:?}: {again:?}");
    assert_eq!(truth.state(&sword).await.revision, 3, "{fault:?}");
}

/// A revocation whose request or answer is lost is made again, and is one. `words` are in each request that adds one.
pub async fn a_cut_revocation_is_made_again(sides: impl AsyncFn() -> Sides, words: &'static str) {
    for (fault, _) in [CUTS[0], CUTS[1], CUTS[2], (Fault::Twice, true)] {
        let Sides { proxy, ground, truth, .. } = sides().await;
        let (store, revocation) = (&ground.store, revocation(&format!("{}|{fault:?}", ground.room)));
        let now = revocation.issued_before;
        proxy.next(words, fault);
        if let Err(error) = store.revoke(&revocation, now).await {
            assert_eq!(error.kind(), StoreErrorKind::OutcomeUnknown, "{fault:?}: {error}");
        }
        answered(|| store.revoke(&revocation, now)).await;
        proxy.settled().await;
        let found = truth.store.revocations(now).await.unwrap();
        assert_eq!(found.iter().filter(|found| **found == revocation).count(), 1, "{fault:?}: {found:?}");
        assert_eq!(proxy.met(), 1, "{fault:?}");
    }
}

/// The same for every fault of a proxy that loses something. `whole` is false where the server does each statement of a packet
/// as it goes, and no more of it for a client that is gone.
pub async fn cuts_are_found_out(sides: impl AsyncFn() -> Sides, whole: bool) {
    for (fault, arrived) in CUTS {
        let Sides { proxy, ground, truth, write, .. } = sides().await;
        let arrived = Some(arrived).filter(|arrived| whole || !arrived);
        a_cut_is_found_out(&ground, &truth, |fault| proxy.next(write, fault), fault, arrived).await;
        assert_eq!(proxy.met(), 3, "{fault:?}");
    }
}

/// Every connection is cut, delayed and doubled now and then; the promise holds on both sides of it. `url` is the store's URL
/// at an address.
pub async fn the_promise_is_kept_over_a_rough_network(
    server: SocketAddr,
    url: impl Fn(SocketAddr) -> String,
    races: u64,
) {
    for seed in seeds(races) {
        let proxy = Proxy::start(server).await;
        let store = patient(&url(proxy.address)).await;
        proxy.be_rough(seed);
        promise_under_faults(|| Arc::clone(&store), Faults::default(), seed..seed + 1).await;
        assert!(proxy.met() > 0, "seed {seed} had no faults");
        proxy.settled().await;
    }
}

/// A read that is cut changed nothing, and is made again on another connection at once.
pub async fn a_read_that_is_cut_is_made_again(sides: impl AsyncFn() -> Sides, read: &'static str) {
    for (fault, _) in CUTS {
        let Sides { proxy, ground, .. } = sides().await;
        let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
        ground.create(node.next(), &sword, 1).await;
        proxy.next(read, fault);
        assert_eq!(ground.select(node.next(), &sword, from_ref(&ann)).await.verdicts, [granted(1)]);
        assert_eq!(proxy.met(), 1, "{fault:?}");
    }
}

/// A connection on which nothing comes back is given up in time, and another one is used.
pub async fn a_black_hole_is_noticed(
    Sides { proxy, ground, .. }: Sides,
    words: &'static str,
    kind: StoreErrorKind,
) {
    let (sword, node, [ann]) = (asset("sword"), Node::new(), players(["ann"]));
    ground.create(node.next(), &sword, 1).await;
    let (call, since) = (node.next(), Instant::now());
    proxy.next(words, Fault::BlackHole);
    let key = ground.key(&sword);
    let select = || ground.store.select(call, &key, from_ref(&ann), None);
    assert_eq!(refusal(select().await), kind);
    assert_eq!(answered(select).await.verdicts, [granted(1)], "on a new connection");
    assert!(since.elapsed() < NOTICED, "{:?}", since.elapsed());
}

/// Whoever gives up in the middle of a call, at whatever moment, leaves all of it or nothing, and no lock.
pub async fn a_call_that_is_given_up_leaves_all_or_nothing(ground: Ground) {
    let (sword, node, other, [ann, bob]) = (asset("sword"), Node::new(), Node::new(), players(["ann", "bob"]));
    let (store, key) = (&ground.store, &ground.key(&sword));
    ground.create(node.next(), &sword, 3).await;
    let (mut given_up, mut before) = (0, 0);
    for round in 0..150 {
        let (polls, call) = (fastrand::u32(1..=1 << fastrand::u32(0..=7)), node.next());
        let in_time = match round % 2 {
            0 => for_polls(polls, store.select(call, key, from_ref(&ann), None)).await.is_some(),
            _ => for_polls(polls, store.release(call, key, &ann, EndReason::Released)).await.is_some(),
        };
        given_up += u32::from(!in_time);
        sleep(Duration::from_millis(2)).await;
        // It is held against its holders, and nobody waits for a lock.
        let state = ground.state(&sword).await;
        assert!(state.revision >= before);
        before = state.revision;
    }
    assert!((1..150).contains(&given_up), "{given_up}");
    assert_eq!(ground.select(other.next(), &sword, from_ref(&bob)).await.verdicts.len(), 1);
    assert_eq!(ground.holders(&sword).await.len(), ground.state(&sword).await.held as usize);
}

/// Polls a call so many times, which ends it somewhere in its middle on a machine of any speed, and drops it a moment
/// after.
async fn for_polls<T>(polls: u32, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut left) = (pin!(call), polls);
    let answer = poll_fn(|task| {
        left -= 1;
        match call.as_mut().poll(task) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if answer.is_none() {
        sleep(Duration::from_micros(fastrand::u64(0..2000))).await;
    }
    answer
}

/// Repeats a call until there is a connection again.
pub async fn answered<T: Debug, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> T {
    let answer = eventually("an answer", async || match call().await {
        Err(error) if error.kind() == StoreErrorKind::Unavailable => None,
        answer => Some(answer),
    });
    answer.await.unwrap()
}
