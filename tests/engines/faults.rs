use std::{future::Future, sync::Arc, time::Duration};

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{sync::watch, time::sleep};

/// Which requests meet which faults: by plan for one request or all of a kind, or by seed for many.
pub struct Faults<F> {
    plan: Mutex<Plan<F>>,
    /// A fault, or none, for a request that nothing was planned for.
    rough: fn(&mut Rng) -> Option<F>,
    /// What is still to come later.
    late: watch::Sender<usize>,
}

struct Plan<F> {
    next: Vec<(&'static str, F)>,
    always: Vec<(&'static str, F)>,
    rng: Option<Rng>,
    met: usize,
}

impl<F: Copy> Faults<F> {
    pub fn new(rough: fn(&mut Rng) -> Option<F>) -> Self {
        let plan = Plan { next: Vec::new(), always: Vec::new(), rng: None, met: 0 };
        Self { plan: Mutex::new(plan), rough, late: watch::Sender::new(0) }
    }

    /// The next request of this kind meets a fault.
    pub fn next(&self, kind: &'static str, fault: F) {
        self.plan.lock().next.push((kind, fault));
    }

    /// From now on every request of this kind meets a fault.
    pub fn always(&self, kind: &'static str, fault: F) {
        self.plan.lock().always.push((kind, fault));
    }

    /// From now on every tenth request or so meets some fault, as the seed will have it.
    pub fn be_rough(&self, seed: u64) {
        self.plan.lock().rng = Some(Rng::with_seed(seed));
    }

    /// From now on nothing goes wrong.
    pub fn be_gentle(&self) {
        let plan = &mut *self.plan.lock();
        plan.rng = None;
        plan.always.clear();
        plan.next.clear();
    }

    /// How many requests met a fault so far.
    pub fn met(&self) -> usize {
        self.plan.lock().met
    }

    /// Waits until everything that was to happen later has happened.
    pub async fn settled(&self) {
        let _ = self.late.subscribe().wait_for(|&late| late == 0).await;
    }

    /// What a request meets; `is` says of which kinds it is.
    pub fn draw(&self, is: impl Fn(&str) -> bool) -> Option<F> {
        let plan = &mut *self.plan.lock();
        let planned = plan.next.iter().position(|(kind, _)| is(kind)).map(|place| plan.next.remove(place).1);
        let always = || plan.always.iter().find(|(kind, _)| is(kind)).map(|(_, fault)| *fault);
        let fault = planned.or_else(always).or_else(|| plan.rng.as_mut().and_then(self.rough));
        plan.met += usize::from(fault.is_some());
        fault
    }
}

impl<F: Send + 'static> Faults<F> {
    /// Does something so much later.
    pub fn later(self: &Arc<Self>, after: Duration, work: impl Future<Output = ()> + Send + 'static) {
        self.late.send_modify(|late| *late += 1);
        let faults = Arc::clone(self);
        tokio::spawn(async move {
            sleep(after).await;
            work.await;
            faults.late.send_modify(|late| *late -= 1);
        });
    }
}
