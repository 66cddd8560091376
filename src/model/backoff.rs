use std::time::Duration;

/// Exponential backoff: pauses double from the first to the longest.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// A backoff that begins with the first pause.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause before the next attempt, without jitter.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// Begins again with the first pause, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Between half of a pause and one and a half, so that callers that failed together do not retry together. `random` is
/// from 0 up to 1.
#[must_use]
pub fn jittered(pause: Duration, random: f64) -> Duration {
    pause.mul_f64(0.5 + random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(50));
        let mut pauses = || std::array::from_fn(|_| backoff.next_pause().as_millis());
        assert_eq!(pauses(), [20, 40, 50, 50]);
        backoff.reset();
        assert_eq!(backoff.next_pause().as_millis(), 20);
    }

    #[test]
    fn jitter_is_half_of_the_pause() {
        let pause = Duration::from_millis(100);
        assert_eq!([0.0, 0.5, 1.0].map(|random| jittered(pause, random).as_millis()), [50, 100, 150]);
    }
}
