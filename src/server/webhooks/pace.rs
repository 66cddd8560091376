use std::time::Duration;

/// The times of deliveries. The server uses the defaults.
#[derive(Debug, Clone)]
pub struct WebhookPace {
    /// How long one attempt may take.
    pub attempt: Duration,
    /// The pause after the first failure of a room; it doubles with each.
    pub first_pause: Duration,
    /// The longest pause, also if the endpoint asks for a longer one.
    pub longest_pause: Duration,
    /// Without a success for that long the endpoint is paused.
    pub give_up_after: Duration,
    /// For how long a room is leased. An attempt that takes longer renews the lease, and a node that is gone keeps its rooms no
    /// longer.
    pub lease: Duration,
    /// How often the store is asked for rooms that changed on other nodes.
    pub look_every: Duration,
    /// When a room is looked at again that had no events, or that another node has.
    pub look_again: Duration,
}

impl Default for WebhookPace {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(15),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(3600),
            give_up_after: Duration::from_secs(3 * 24 * 3600),
            lease: Duration::from_secs(8),
            look_every: Duration::from_millis(500),
            look_again: Duration::from_secs(2),
        }
    }
}

impl WebhookPace {
    /// The pause after so many failures in a row. `random` is from 0 up to 1 and keeps rooms that failed together from being
    /// retried together; `asked` is what the endpoint asks for.
    pub(super) fn pause(&self, failures: u32, random: f64, asked: Option<Duration>) -> Duration {
        // With the jitter on top, which is up to a half, no pause is longer than the longest.
        let longest = self.longest_pause.mul_f64(2.0 / 3.0);
        let doubled = self.first_pause.saturating_mul(1 << failures.saturating_sub(1).min(30));
        let pause = doubled.min(longest).mul_f64(1.0 + random / 2.0);
        pause.max(asked.unwrap_or_default()).min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_second_to_an_hour() {
        let pace = WebhookPace::default();
        let seconds = |failures| pace.pause(failures, 0.0, None).as_secs();
        assert_eq!([1, 2, 3, 4, 12].map(seconds), [1, 2, 4, 8, 2048]);
        assert_eq!([13, 14, 100, u32::MAX].map(seconds), [2400; 4]);
        let most = pace.pause(100, 0.999_999, None);
        assert!(most <= pace.longest_pause && most > Duration::from_secs(3599));
        assert!((1000..1500).contains(&pace.pause(1, 0.7, None).as_millis()));
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_pause_up_to_an_hour() {
        let pace = WebhookPace::default();
        let asked = |seconds| pace.pause(1, 0.0, Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([0, 1, 30, 7200, u64::MAX].map(asked), [1, 1, 30, 3600, 3600]);
    }
}
