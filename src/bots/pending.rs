use std::time::Duration;

use tokio::time::Instant;

use super::{
    limits::{PATIENCE, PIPELINE},
    plan::{Intent, Work},
};

/// A bot's unfinished requests of a round, across all of its connections.
#[derive(Debug)]
pub(super) struct Pending {
    work: Work,
    begun: Instant,
    /// The number of selects of `work.order` that were sent.
    started: usize,
    /// Sent on the current connection and unanswered.
    flying: Vec<Try>,
    /// Due later: a confirmation, or a retry because the answer was lost or was a temporary error.
    again: Vec<(Instant, Try)>,
    /// The bot leaves the room when it has its answers.
    leaves: bool,
}

/// A request about the asset of this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Select(usize),
    Confirm(usize),
}

/// A request that was sent, or will be.
#[derive(Debug, Clone, Copy)]
struct Try {
    request: Request,
    first_sent: Instant,
    tries: u32,
}

/// The next action.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Send this request, and cut the connection afterwards if `cut` is true.
    Send { request: Request, cut: bool },
    /// Wait for a reply, or until this time.
    Wait(Option<Instant>),
}

impl Pending {
    pub(super) fn new(work: Work, now: Instant) -> Self {
        Self {
            work,
            begun: now,
            started: 0,
            flying: Vec::with_capacity(PIPELINE),
            again: Vec::new(),
            leaves: false,
        }
    }

    /// Takes the next request, if one is due.
    pub(super) fn next_step(&mut self, now: Instant) -> Step {
        if self.flying.len() >= PIPELINE {
            return Step::Wait(None);
        }
        if let Some(at) = self.again.iter().position(|(due, _)| *due <= now) {
            let (_, retry) = self.again.remove(at);
            self.flying.push(Try { tries: retry.tries + 1, ..retry });
            return Step::Send { request: retry.request, cut: false };
        }
        let room = self.selects() < PIPELINE;
        let fresh = self.work.order.get(self.started).filter(|_| room).map(|asset| (*asset, self.due()));
        match fresh {
            Some((asset, due)) if due <= now => self.start(asset, now),
            _ => Step::Wait(self.again.iter().map(|(due, _)| *due).chain(fresh.map(|(_, due)| due)).min()),
        }
    }

    /// Records a final answer. Returns false if none was expected.
    pub(super) fn answered(&mut self, request: Request) -> bool {
        self.take(request).is_some()
    }

    /// The bot was granted a unit, and does what it planned. Once it leaves it sends nothing new, but it waits for its
    /// answers, so that no request is decided after the round.
    pub(super) fn granted(&mut self, asset: usize, now: Instant) {
        match self.work.intent(asset) {
            _ if self.leaves => {}
            Intent::Wait => {}
            Intent::Confirm(after) => {
                let due = now + after;
                self.again.push((due, Try { request: Request::Confirm(asset), first_sent: due, tries: 0 }));
            }
            Intent::Leave => {
                self.leaves = true;
                self.work.order.truncate(self.started);
                self.again.retain(|(_, this)| this.tries > 0 || matches!(this.request, Request::Select(_)));
            }
        }
    }

    /// Returns true if the bot leaves the room, now that its requests are answered.
    pub(super) fn leaves(&self) -> bool {
        self.leaves && self.done()
    }

    /// Schedules a retry after a temporary error, with a growing backoff. Returns false once the retries have run out.
    pub(super) fn try_later(
        &mut self,
        request: Request,
        now: Instant,
        wait: impl FnOnce(u32) -> Duration,
    ) -> bool {
        let Some(this) = self.take(request) else { return true };
        if now.duration_since(this.first_sent) > PATIENCE {
            return false;
        }
        self.again.push((now + wait(this.tries), this));
        true
    }

    /// The connection and its answers are lost. All unanswered requests are retried, because a lost answer is not a
    /// denial.
    pub(super) fn connection_lost(&mut self, now: Instant) {
        let lost = self.flying.drain(..).map(|this| (now, this));
        self.again.splice(0..0, lost);
    }

    /// Returns true if every request is answered.
    pub(super) fn done(&self) -> bool {
        self.started == self.work.order.len() && self.flying.is_empty() && self.again.is_empty()
    }

    fn start(&mut self, asset: u32, now: Instant) -> Step {
        self.started += 1;
        let request = Request::Select(asset as usize);
        self.flying.push(Try { request, first_sent: now, tries: 0 });
        Step::Send { request, cut: self.work.cut() }
    }

    fn due(&self) -> Instant {
        self.begun + self.work.due(self.started)
    }

    /// The selects without an answer.
    fn selects(&self) -> usize {
        let tries = self.flying.iter().chain(self.again.iter().map(|(_, this)| this));
        tries.filter(|this| matches!(this.request, Request::Select(_))).count()
    }

    fn take(&mut self, request: Request) -> Option<Try> {
        let at = self.flying.iter().position(|this| this.request == request)?;
        Some(self.flying.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::{Config, Holds, plan::tests::small};

    fn pending_at(rate: f64, chaos: f64, now: Instant) -> Pending {
        Pending::new(small(10, rate, chaos).work(0, 0), now)
    }

    fn send(pending: &mut Pending, now: Instant) -> Request {
        let Step::Send { request, .. } = pending.next_step(now) else { panic!("a request is due") };
        request
    }

    #[test]
    fn a_few_selects_are_in_flight_and_all_get_answered() {
        let now = Instant::now();
        let mut pending = pending_at(0.0, 0.0, now);
        let mut seen = Vec::new();
        while !pending.done() {
            while let Step::Send { request: Request::Select(asset), cut: false } = pending.next_step(now) {
                seen.push(asset);
            }
            assert!(pending.flying.len() <= PIPELINE);
            assert!(pending.answered(pending.flying[0].request));
        }
        assert!(!pending.answered(Request::Select(seen[0])), "an answer counts once");
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_lost_with_the_connection_is_sent_again_first() {
        let now = Instant::now();
        let mut pending = pending_at(0.0, 1.0, now);
        let (first, second) = (send(&mut pending, now), send(&mut pending, now));
        pending.connection_lost(now);
        assert_eq!(pending.next_step(now), Step::Send { request: first, cut: false }, "a repeat is never cut");
        assert_eq!(pending.next_step(now), Step::Send { request: second, cut: false });
        assert!(matches!(pending.next_step(now), Step::Send { cut: true, .. }));
    }

    #[test]
    fn an_error_that_passes_is_tried_later_until_patience_is_over() {
        let now = Instant::now();
        let mut pending = pending_at(1e-3, 0.0, now);
        let select = send(&mut pending, now);
        let wait = |tries| Duration::from_secs(1 + u64::from(tries));
        assert!(pending.try_later(select, now, wait));
        let due = now + Duration::from_secs(1);
        assert_eq!(pending.next_step(now), Step::Wait(Some(due)));
        assert_eq!(pending.next_step(due), Step::Send { request: select, cut: false });
        assert!(pending.try_later(select, due, wait));
        let again = due + Duration::from_secs(2);
        assert_eq!(pending.next_step(due), Step::Wait(Some(again)));
        assert_eq!(send(&mut pending, again), select);
        assert!(!pending.try_later(select, now + PATIENCE + Duration::from_secs(1), wait));
    }

    #[test]
    fn a_confirmation_is_sent_when_it_is_due_until_it_is_answered() {
        let (now, length) = (Instant::now(), Duration::from_secs(1));
        let holds = Some(Holds { length, confirm_share: 1.0, leave_share: 0.0 });
        let config = Config { holds, ..small(PIPELINE, 0.0, 0.0) };
        let mut pending = Pending::new(config.work(0, 0), now);
        for _ in 0..PIPELINE {
            let Request::Select(asset) = send(&mut pending, now) else { panic!("a select") };
            assert!(pending.answered(Request::Select(asset)));
            pending.granted(asset, now);
        }
        assert!(matches!(pending.next_step(now), Step::Wait(Some(due)) if due > now && due <= now + length));
        let confirm = send(&mut pending, now + length);
        assert!(matches!(confirm, Request::Confirm(_)));
        pending.connection_lost(now + length);
        assert_eq!(send(&mut pending, now + length), confirm);
        assert!(pending.answered(confirm) && !pending.answered(confirm) && !pending.done());
        for _ in 1..PIPELINE {
            let confirm = send(&mut pending, now + length);
            assert!(pending.answered(confirm));
        }
        assert!(pending.done());
    }

    #[test]
    fn confirmations_that_wait_delay_no_select_and_a_leaver_confirms_nothing() {
        let (now, length) = (Instant::now(), Duration::from_secs(1));
        let config = small(10 * PIPELINE, 0.0, 0.0);
        let pending = |confirm_share, leave_share| {
            let holds = Some(Holds { length, confirm_share, leave_share });
            Pending::new(Config { holds, ..config.clone() }.work(0, 0), now)
        };
        let mut confirming = pending(1.0, 0.0);
        for _ in 0..10 * PIPELINE {
            let Request::Select(asset) = send(&mut confirming, now) else { panic!("a select") };
            assert!(confirming.answered(Request::Select(asset)));
            confirming.granted(asset, now);
        }
        let mut leaving = pending(1.0, 0.0);
        let (first, second) = (send(&mut leaving, now), send(&mut leaving, now));
        let (Request::Select(asset), Request::Select(next)) = (first, second) else { panic!("two selects") };
        assert!(leaving.answered(first));
        leaving.granted(asset, now);
        leaving.work =
            Config { holds: Some(Holds { length, confirm_share: 1.0, leave_share: 1.0 }), ..config }.work(0, 0);
        leaving.granted(asset, now);
        assert!(leaving.again.is_empty() && !leaving.leaves(), "a select is without an answer");
        leaving.connection_lost(now);
        assert_eq!(send(&mut leaving, now), second);
        assert!(leaving.answered(second));
        leaving.granted(next, now);
        assert!(leaving.leaves() && leaving.next_step(now) == Step::Wait(None));
    }

    #[test]
    fn a_rate_spreads_the_selects() {
        let now = Instant::now();
        let mut pending = pending_at(10.0, 0.0, now);
        send(&mut pending, now);
        let next = now + Duration::from_secs(1);
        assert_eq!(pending.next_step(now), Step::Wait(Some(next)), "10 bots, 10 per second");
    }
}
