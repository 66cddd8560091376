use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

/// When a connection's token is replaced: after about three quarters of its life, one refresh at a time.
#[derive(Debug)]
pub(super) struct Refresh {
    rng: Rng,
    /// `None` while a reply is awaited, and if the connection has no token.
    due: Option<Instant>,
    /// Refreshes of this token that the server could not answer yet.
    tries: u32,
}

impl Refresh {
    /// The id of every refresh. No select has it, because rounds and assets are far fewer.
    pub(super) const REQUEST_ID: u64 = u64::MAX;

    pub(super) fn new(rng: Rng) -> Self {
        Self { rng, due: None, tries: 0 }
    }

    /// The connection has a token with this life left; `None`: it has no token.
    pub(super) fn holds(&mut self, life: Option<Duration>, now: Instant) {
        self.tries = 0;
        // The bots joined at one time. Without jitter they would refresh at one time, too.
        self.due = life.map(|life| now + life.mul_f64(0.7 + self.rng.f64() / 10.0));
    }

    /// When to send the next refresh.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns true if a refresh is due. Then none is until its reply.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// The server cannot verify the new token now. `wait` is the backoff by the number of earlier tries.
    pub(super) fn try_later(&mut self, now: Instant, wait: impl FnOnce(u32) -> Duration) {
        self.due = Some(now + wait(self.tries));
        self.tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(100);

    #[test]
    fn a_token_is_replaced_at_about_three_quarters_of_its_life() {
        let now = Instant::now();
        let mut refresh = Refresh::new(Rng::with_seed(1));
        let mut waits = Vec::new();
        for _ in 0..100 {
            refresh.holds(Some(LIFE), now);
            waits.push((refresh.due().unwrap() - now).as_secs());
        }
        assert!(waits.iter().all(|wait| (70..=80).contains(wait)), "{waits:?}");
        assert!(waits.iter().min() < waits.iter().max(), "not all at one time");
    }

    #[test]
    fn one_refresh_is_in_flight() {
        let now = Instant::now();
        let mut refresh = Refresh::new(Rng::with_seed(1));
        refresh.holds(Some(LIFE), now);
        assert!(!refresh.begins(now));
        assert!(refresh.begins(now + LIFE) && !refresh.begins(now + LIFE), "until its reply");
        let wait = |tries| Duration::from_secs(1 + u64::from(tries));
        refresh.try_later(now, wait);
        assert_eq!(refresh.due(), Some(now + Duration::from_secs(1)));
        refresh.try_later(now, wait);
        assert_eq!(refresh.due(), Some(now + Duration::from_secs(2)));
        refresh.holds(None, now);
        assert_eq!(refresh.due(), None);
    }
}
