//! Whether the endpoint takes deliveries: what this node saw and what others told. Knows no sockets and no store.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{
    Millis, PauseReason,
    limits::{WEBHOOK_FAILURES_IN_ROW, WEBHOOK_REQUESTS},
};

/// An attempt that takes longer holds up no other, even while it is not known whether the endpoint works.
const QUICK: Duration = Duration::from_secs(1);

/// What is known of the endpoint.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) pause: Option<Pause>,
    /// The first failure after the last success, in Unix milliseconds.
    pub(super) failing_since: Option<Millis>,
    /// Why the last attempt failed, if none has succeeded since.
    pub(super) last_failure: Option<String>,
    last_success: Millis,
    /// Whether an attempt succeeded since the start, the last pause, or many failures. Before that, requests are sent one at a
    /// time: a node that starts while the endpoint answers 410 makes one attempt, not one for each room.
    is_proven: bool,
    failures_in_row: u32,
    last_start: Option<Instant>,
}

/// Nothing is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) reason: PauseReason,
    /// In Unix milliseconds.
    pub(super) since: Millis,
}

impl Standing {
    /// When the next attempt may start, with so many under way; `None`: not before one of them ends or an operator resumes.
    pub(super) fn may_start(&self, under_way: usize, now: Instant) -> Option<Instant> {
        match self.last_start {
            _ if self.pause.is_some() || under_way >= WEBHOOK_REQUESTS => None,
            Some(last) if !self.is_proven && under_way > 0 => Some(now.max(last + QUICK)),
            _ => Some(now),
        }
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.last_start = Some(now);
    }

    /// An attempt succeeded at `now`, in Unix milliseconds. Returns since when attempts had failed.
    pub(super) fn succeeded(&mut self, now: Millis) -> Option<Millis> {
        (self.is_proven, self.failures_in_row) = (true, 0);
        self.succeeded_elsewhere(now)
    }

    /// The same on another node.
    pub(super) fn succeeded_elsewhere(&mut self, now: Millis) -> Option<Millis> {
        self.last_success = self.last_success.max(now);
        self.last_failure = None;
        self.failing_since.take()
    }

    /// An attempt failed at `now`, in Unix milliseconds. Returns the pause that begins so.
    pub(super) fn failed(
        &mut self,
        now: Millis,
        why: &str,
        is_gone: bool,
        give_up_after: Duration,
    ) -> Option<Pause> {
        let since = *self.failing_since.get_or_insert(now);
        self.last_failure = Some(why.to_owned());
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.is_proven &= self.failures_in_row < WEBHOOK_FAILURES_IN_ROW;
        let is_hopeless = u128::from(now.saturating_sub(since)) >= give_up_after.as_millis();
        let reason = match (is_gone, is_hopeless) {
            (true, _) => PauseReason::Gone,
            (_, true) => PauseReason::Failing,
            _ => return None,
        };
        self.paused(Pause { reason, since: now })
    }

    /// Another node saw attempts fail since then, in Unix milliseconds.
    pub(super) fn failed_elsewhere(&mut self, since: Millis) {
        if since > self.last_success {
            let known = self.failing_since.unwrap_or(since);
            self.failing_since = Some(known.min(since));
        }
    }

    /// The endpoint is paused. Returns the pause, unless it was paused before.
    pub(super) fn paused(&mut self, pause: Pause) -> Option<Pause> {
        if self.pause.is_some() {
            return None;
        }
        (self.pause, self.is_proven) = (Some(pause), false);
        self.pause
    }

    /// An operator resumes it. Returns whether it was paused.
    pub(super) fn resume(&mut self) -> bool {
        (self.failing_since, self.failures_in_row, self.is_proven) = (None, 0, false);
        self.pause.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Millis = 24 * 3600 * 1000;
    const GIVE_UP: Duration = Duration::from_secs(3 * 24 * 3600);

    fn fail(standing: &mut Standing, now: Millis) -> Option<Pause> {
        standing.failed(now, "it answers 500", false, GIVE_UP)
    }

    #[test]
    fn three_days_without_a_success_pause_the_endpoint() {
        let mut standing = Standing::default();
        for now in [DAY, 2 * DAY, 4 * DAY - 1] {
            assert_eq!(fail(&mut standing, now), None);
        }
        let pause = Pause { reason: PauseReason::Failing, since: 4 * DAY };
        assert_eq!(fail(&mut standing, 4 * DAY), Some(pause));
        assert_eq!(fail(&mut standing, 5 * DAY), None, "it is told once");
        assert!(standing.resume() && !standing.resume());
        assert_eq!(fail(&mut standing, 5 * DAY), None, "the days count anew");
    }

    #[test]
    fn one_success_in_three_days_keeps_it_going() {
        let mut standing = Standing::default();
        fail(&mut standing, DAY);
        assert_eq!(standing.succeeded(2 * DAY), Some(DAY));
        assert_eq!(standing.succeeded(2 * DAY), None);
        assert_eq!(fail(&mut standing, 4 * DAY), None);
        assert_eq!(standing.succeeded_elsewhere(5 * DAY), Some(4 * DAY));
        standing.failed_elsewhere(DAY);
        assert_eq!(standing.failing_since, None, "that is older than a success");
        standing.failed_elsewhere(6 * DAY);
        assert_eq!(fail(&mut standing, 9 * DAY).map(|pause| pause.reason), Some(PauseReason::Failing));
    }

    #[test]
    fn gone_pauses_at_once() {
        let mut standing = Standing::default();
        let pause = standing.failed(DAY, "it answers 410 Gone", true, GIVE_UP);
        assert_eq!(pause, Some(Pause { reason: PauseReason::Gone, since: DAY }));
        assert_eq!(standing.may_start(0, Instant::now()), None);
    }

    #[test]
    fn until_an_attempt_succeeds_requests_are_sent_one_at_a_time() {
        let (mut standing, now) = (Standing::default(), Instant::now());
        assert_eq!(standing.may_start(0, now), Some(now));
        standing.started(now);
        assert_eq!(standing.may_start(1, now), Some(now + QUICK), "a slow one holds up no other");
        assert_eq!(standing.may_start(1, now + 2 * QUICK), Some(now + 2 * QUICK));
        standing.succeeded(DAY);
        assert_eq!(standing.may_start(1, now), Some(now));
        assert_eq!(standing.may_start(WEBHOOK_REQUESTS, now), None);
        for _ in 0..WEBHOOK_FAILURES_IN_ROW {
            assert_eq!(standing.may_start(1, now), Some(now));
            fail(&mut standing, DAY);
        }
        assert_eq!(standing.may_start(1, now), Some(now + QUICK));
    }
}
