use tokio::time::{Duration, Instant};

/// A token bucket. It holds one second's worth and refills at the same rate.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// The refill time of one request; `None` if unlimited.
    cost: Option<Duration>,
    /// When the bucket is full again.
    full_at: Instant,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> Self {
        let cost = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Self { cost, full_at: Instant::now() }
    }

    /// Takes a token at `now`; returns false if there is none.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let Some(cost) = self.cost else { return true };
        let full_at = self.full_at.max(now) + cost;
        let allowed = full_at <= now + Duration::from_secs(1);
        if allowed {
            self.full_at = full_at;
        }
        allowed
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
}
