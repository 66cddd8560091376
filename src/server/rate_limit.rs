use tokio::time::{Duration, Instant};

/// So many requests per window of time: all at once at first, then one each time a part of the window has passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    window: Duration,
    /// The refill time of one request.
    cost: Duration,
}

impl Rate {
    /// `None` if `requests` is 0, which is unlimited.
    pub(super) fn new(requests: u32, window: Duration) -> Option<Self> {
        (requests > 0).then(|| Self { window, cost: window / requests })
    }
}

/// A token bucket. It holds one window's worth and refills at the same rate.
#[derive(Debug)]
pub(super) struct Bucket {
    /// When the bucket is full again.
    full_at: Instant,
}

impl Bucket {
    /// One that is full at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token at `now`.
    ///
    /// # Errors
    /// There is none. The time until there is one.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + rate.cost;
        match full_at.checked_duration_since(now + rate.window) {
            None | Some(Duration::ZERO) => {
                self.full_at = full_at;
                Ok(())
            }
            Some(early) => Err(early),
        }
    }

    /// A full bucket says nothing that a new one does not.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

/// The limit of one connection, or of one kind of log line.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// `None` if unlimited.
    rate: Option<Rate>,
    bucket: Bucket,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> Self {
        Self { rate: Rate::new(per_second, Duration::from_secs(1)), bucket: Bucket::new(Instant::now()) }
    }

    /// Takes a token at `now`; returns false if there is none.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        self.rate.is_none_or(|rate| self.bucket.take(rate, now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_s_worth_at_once_then_the_rate() {
        let mut limit = RateLimit::new(10);
        assert_eq!((0..50).filter(|_| limit.allows(Instant::now())).count(), 10);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!((0..50).filter(|_| limit.allows(Instant::now())).count(), 3);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            (0..50).filter(|_| limit.allows(Instant::now())).count(),
            10,
            "never more than a second's worth"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_unlimited() {
        let mut limit = RateLimit::new(0);
        assert!((0..10_000).all(|_| limit.allows(Instant::now())));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_is_told_when_there_is_a_token() {
        let (rate, mut bucket) = (Rate::new(6, Duration::from_secs(60)).unwrap(), Bucket::new(Instant::now()));
        assert!((0..6).all(|_| bucket.take(rate, Instant::now()).is_ok()));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(bucket.take(rate, Instant::now()), Err(Duration::from_secs(6)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(bucket.take(rate, Instant::now()), Ok(()));
        assert!(!bucket.is_full(Instant::now()));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(bucket.is_full(Instant::now()));
    }
}
