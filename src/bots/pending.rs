use std::time::Duration;

use tokio::time::Instant;

use super::{
    limits::{PATIENCE, PIPELINE},
    plan::Work,
};

/// A bot's unfinished selects of a round, across all of its connections.
#[derive(Debug)]
pub(super) struct Pending {
    work: Work,
    begun: Instant,
    /// The number of selects of `work.order` that were sent.
    started: usize,
    /// Sent on the current connection and unanswered.
    flying: Vec<Try>,
    /// Scheduled for a retry: the answer was lost or was a temporary error.
    again: Vec<(Instant, Try)>,
}

/// A select that was sent.
#[derive(Debug, Clone, Copy)]
struct Try {
    asset: u32,
    first_sent: Instant,
    tries: u32,
}

/// The next action.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Send this select, and cut the connection afterwards if `cut` is true.
    Send { asset: usize, cut: bool },
    /// Wait for a reply, or until this time.
    Wait(Option<Instant>),
}

impl Pending {
    pub(super) fn new(work: Work, now: Instant) -> Self {
        Self { work, begun: now, started: 0, flying: Vec::with_capacity(PIPELINE), again: Vec::new() }
    }

    /// Takes the next select, if one is due.
    pub(super) fn next_step(&mut self, now: Instant) -> Step {
        if self.flying.len() >= PIPELINE {
            return Step::Wait(None);
        }
        if let Some(at) = self.again.iter().position(|(due, _)| *due <= now) {
            let (_, retry) = self.again.remove(at);
            self.flying.push(Try { tries: retry.tries + 1, ..retry });
            return Step::Send { asset: retry.asset as usize, cut: false };
        }
        let room = self.flying.len() + self.again.len() < PIPELINE;
        let fresh = self.work.order.get(self.started).filter(|_| room).map(|asset| (*asset, self.due()));
        match fresh {
            Some((asset, due)) if due <= now => self.start(asset, now),
            _ => Step::Wait(self.again.iter().map(|(due, _)| *due).chain(fresh.map(|(_, due)| due)).min()),
        }
    }

    /// Records a final answer. Returns false if none was expected.
    pub(super) fn answered(&mut self, asset: usize) -> bool {
        self.take(asset).is_some()
    }

    /// Schedules a retry after a temporary error, with a growing backoff. Returns false once the retries have run out.
    pub(super) fn try_later(&mut self, asset: usize, now: Instant, wait: impl FnOnce(u32) -> Duration) -> bool {
        let Some(this) = self.take(asset) else { return true };
        if now.duration_since(this.first_sent) > PATIENCE {
            return false;
        }
        self.again.push((now + wait(this.tries), this));
        true
    }

    /// The connection and its answers are lost. All unanswered selects are retried, because a lost answer is not a
    /// denial.
    pub(super) fn connection_lost(&mut self, now: Instant) {
        let lost = self.flying.drain(..).map(|this| (now, this));
        self.again.splice(0..0, lost);
    }

    /// Returns true if every select is answered.
    pub(super) fn done(&self) -> bool {
        self.started == self.work.order.len() && self.flying.is_empty() && self.again.is_empty()
    }

    fn start(&mut self, asset: u32, now: Instant) -> Step {
        self.started += 1;
        self.flying.push(Try { asset, first_sent: now, tries: 0 });
        Step::Send { asset: asset as usize, cut: self.work.cut() }
    }

    fn due(&self) -> Instant {
        self.begun + self.work.due(self.started)
    }

    fn take(&mut self, asset: usize) -> Option<Try> {
        let at = self.flying.iter().position(|this| this.asset as usize == asset)?;
        Some(self.flying.swap_remove(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bots::plan::tests::small;

    fn pending_at(rate: f64, chaos: f64, now: Instant) -> Pending {
        Pending::new(small(10, rate, chaos).work(0, 0), now)
    }

    fn send(pending: &mut Pending, now: Instant) -> usize {
        let Step::Send { asset, .. } = pending.next_step(now) else { panic!("a select is due") };
        asset
    }

    #[test]
    fn a_few_selects_are_in_flight_and_all_get_answered() {
        let now = Instant::now();
        let mut pending = pending_at(0.0, 0.0, now);
        let mut seen = Vec::new();
        while !pending.done() {
            while let Step::Send { asset, cut: false } = pending.next_step(now) {
                seen.push(asset);
            }
            assert!(pending.flying.len() <= PIPELINE);
            assert!(pending.answered(pending.flying[0].asset as usize));
        }
        assert!(!pending.answered(seen[0]), "an answer counts once");
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_lost_with_the_connection_is_sent_again_first() {
        let now = Instant::now();
        let mut pending = pending_at(0.0, 1.0, now);
        let (first, second) = (send(&mut pending, now), send(&mut pending, now));
        pending.connection_lost(now);
        assert_eq!(pending.next_step(now), Step::Send { asset: first, cut: false }, "a repeat is never cut");
        assert_eq!(pending.next_step(now), Step::Send { asset: second, cut: false });
        assert!(matches!(pending.next_step(now), Step::Send { cut: true, .. }));
    }

    #[test]
    fn an_error_that_passes_is_tried_later_until_patience_is_over() {
        let now = Instant::now();
        let mut pending = pending_at(1e-3, 0.0, now);
        let asset = send(&mut pending, now);
        let wait = |tries| Duration::from_secs(1 + u64::from(tries));
        assert!(pending.try_later(asset, now, wait));
        let due = now + Duration::from_secs(1);
        assert_eq!(pending.next_step(now), Step::Wait(Some(due)));
        assert_eq!(pending.next_step(due), Step::Send { asset, cut: false });
        assert!(pending.try_later(asset, due, wait));
        let again = due + Duration::from_secs(2);
        assert_eq!(pending.next_step(due), Step::Wait(Some(again)));
        assert_eq!(send(&mut pending, again), asset);
        assert!(!pending.try_later(asset, now + PATIENCE + Duration::from_secs(1), wait));
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
