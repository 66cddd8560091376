//! A store that wraps another one and injects faults by plan. The conformance suite, the arbiter's tests and
//! the simulation use it to prove that the guarantees hold under faults.
//!
//! The fates of calls are drawn from one seed in the order in which the calls arrive. Where that order is fixed
//! (a current-thread runtime with paused time), a failing seed replays exactly.

mod plan;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use fastrand::Rng;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};

pub use self::plan::Faults;
use self::plan::{Ending, Fate};
pub use super::layer::CallCounts;
use super::{
    Applied, AssetKey, Call, Reply, Result, Store, StoreError, StoreErrorKind,
    layer::{Forwarded, Layer, forwarded},
};
use crate::model::RoomName;

/// Maximum number of late duplicates in flight; beyond it calls are not duplicated late.
const LATE_AT_ONCE: usize = 1024;

/// A store whose calls are delayed, lost, refused and duplicated.
pub struct Faulty {
    inner: Arc<dyn Store>,
    shared: bool,
    state: Mutex<State>,
    gate: Arc<Gate>,
    late: watch::Sender<usize>,
}

impl Faulty {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, seed: u64, faults: Faults) -> Self {
        let calls = CallCounts::default();
        Self {
            shared: inner.shared(),
            inner,
            state: Mutex::new(State { rng: Rng::with_seed(seed), faults, slow: Duration::ZERO, calls }),
            gate: Arc::default(),
            late: watch::Sender::new(0),
        }
    }

    /// Reports the store as shared, so that several arbiters can use one memory store.
    #[must_use]
    pub fn as_shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Replaces the plan from the next call on. The seed stays the same.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Delays the effect of every call from now on, in addition to any planned delay.
    pub fn slow(&self, delay: Duration) {
        self.state.lock().slow = delay;
    }

    /// Makes the store unreachable: calls wait until [`resume`](Self::resume). A call whose caller gives up has
    /// no effect.
    pub fn hold(&self) {
        self.gate.set(Presence::Held);
    }

    /// Makes the store unreachable: calls, including held ones, fail with `Unavailable` until
    /// [`resume`](Self::resume).
    pub fn refuse(&self) {
        self.gate.set(Presence::Refusing);
    }

    /// Makes the store reachable again.
    pub fn resume(&self) {
        self.gate.set(Presence::Here);
    }

    /// How often each method was called so far. Duplicates made by `Faulty` itself do not count.
    #[must_use]
    pub fn calls(&self) -> CallCounts {
        self.state.lock().calls
    }

    /// Waits until all late duplicates in flight have arrived. While the store is held, they wait, too.
    pub async fn settled(&self) {
        // The channel cannot be closed, because this store owns the sender.
        let _ = self.late.subscribe().wait_for(|&late| late == 0).await;
    }

    /// Counts a call and draws its fate.
    fn draw(&self, count: impl FnOnce(&mut CallCounts)) -> Fate {
        let State { rng, faults, slow, calls } = &mut *self.state.lock();
        count(calls);
        let mut fate = faults.draw(rng);
        fate.before += *slow;
        fate
    }

    /// Runs a change according to its fate.
    async fn change<T: Send + 'static>(&self, fate: Fate, call: Forwarded<T>) -> Result<T> {
        self.gate.pass().await?;
        if fate.ending == Ending::Refused {
            return Err(unavailable("refused the call"));
        }
        if let Some(lateness) = fate.late {
            self.send_late(lateness, call.make());
        }
        pause(fate.before).await;
        if fate.ending == Ending::LostBefore {
            return Err(outcome_unknown("lost the call"));
        }
        let answer = call.make().await;
        if fate.again {
            let _ = call.make().await;
        }
        pause(fate.after).await;
        if fate.ending == Ending::LostAfter { Err(outcome_unknown("lost the reply")) } else { answer }
    }

    fn send_late<T: Send + 'static>(&self, lateness: Duration, run: BoxFuture<'static, Result<T>>) {
        let mut has_room = false;
        self.late.send_modify(|late| {
            has_room = *late < LATE_AT_ONCE;
            *late += usize::from(has_room);
        });
        if !has_room {
            return;
        }
        let (late, gate, due) = (self.late.clone(), Arc::clone(&self.gate), Instant::now() + lateness);
        tokio::spawn(async move {
            sleep_until(due).await;
            if gate.pass().await.is_ok() {
                let _ = run.await;
            }
            late.send_modify(|late| *late -= 1);
        });
    }
}

#[async_trait]
impl Layer for Faulty {
    fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    fn shared(&self) -> bool {
        self.shared
    }

    /// Runs a read according to its fate.
    async fn run<T: Send + 'static>(&self, call: Forwarded<T>) -> Result<T> {
        let fate = self.draw(call.count);
        self.gate.pass().await?;
        pause(fate.before).await;
        if fate.ending != Ending::Answered {
            return Err(unavailable("did not answer"));
        }
        let answer = call.make().await;
        pause(fate.after).await;
        answer
    }

    async fn run_change<T: Send + 'static>(
        &self,
        _: (Call, &AssetKey),
        call: Forwarded<Applied<T>>,
    ) -> Reply<T> {
        let fate = self.draw(call.count);
        self.change(fate, call).await
    }

    async fn remove_room(&self, room: &RoomName) -> Result<()> {
        let call = forwarded!(self.remove_room(; room;));
        let fate = Fate { late: None, ..self.draw(call.count) };
        self.change(fate, call).await
    }
}

struct State {
    rng: Rng,
    faults: Faults,
    slow: Duration,
    calls: CallCounts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Here,
    Held,
    Refusing,
}

/// Every call passes this gate first. Held calls continue in the order of their arrival, so that a seed
/// replays. A `watch` channel would wake them in arbitrary order.
#[derive(Default)]
struct Gate {
    presence: Mutex<Presence>,
    changed: Notify,
}

impl Gate {
    fn set(&self, presence: Presence) {
        *self.presence.lock() = presence;
        self.changed.notify_waiters();
    }

    /// Waits while the store is held.
    async fn pass(&self) -> Result<()> {
        loop {
            // Created before `presence` is read, so that no change is missed.
            let changed = self.changed.notified();
            let presence = *self.presence.lock();
            match presence {
                Presence::Here => return Ok(()),
                Presence::Refusing => return Err(unavailable("is away")),
                Presence::Held => changed.await,
            }
        }
    }
}

/// Sleeps, but not for a zero duration, because that would still wait for the timer's next tick.
async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

fn unavailable(what: &str) -> StoreError {
    StoreError::new("faulty", StoreErrorKind::Unavailable, format!("{what}, by plan"))
}

fn outcome_unknown(what: &str) -> StoreError {
    StoreError::new("faulty", StoreErrorKind::OutcomeUnknown, format!("{what}, by plan"))
}
