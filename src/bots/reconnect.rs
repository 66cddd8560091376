use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::limits::{BACKOFF, PATIENCE, STEADY};

/// How a connection ended, or why it failed to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The run is over.
    Left,
    /// The bot cut the connection.
    Cut,
    /// The server closed the connection and said when to reconnect.
    Closed { code: u16, retry_after: Option<Duration> },
    /// The connection broke: end of stream, reset or silence. A browser reports 1006.
    Lost(&'static str),
    /// The server refused the handshake.
    Refused { status: u16, reason: String },
}

/// What to do after a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Leave,
    /// Do not reconnect, for this reason.
    GiveUp(String),
    Reconnect {
        after: Duration,
        /// Use the next address of the list.
        elsewhere: bool,
    },
}

/// The client's rules for reconnecting: follow the close code, otherwise back off with jitter, and give up after a
/// while.
#[derive(Debug)]
pub(super) struct Reconnect {
    rng: Rng,
    failures: u32,
    /// The time of the last good connection.
    away: Instant,
    welcomed: Option<Instant>,
}

impl Reconnect {
    pub(super) fn new(rng: Rng, now: Instant) -> Self {
        Self { rng, failures: 0, away: now, welcomed: None }
    }

    /// A connection received its welcome.
    pub(super) fn welcomed(&mut self, now: Instant) {
        self.welcomed = Some(now);
    }

    /// A connection proved good: a message followed the welcome.
    pub(super) fn proved(&mut self, now: Instant) {
        (self.failures, self.away) = (0, now);
    }

    /// The backoff before a request's next attempt, by the number of earlier attempts.
    pub(super) fn wait(&mut self, tries: u32) -> Duration {
        let full = BACKOFF.0.saturating_mul(1 << tries.min(16)).min(BACKOFF.1);
        full.mul_f64(0.5 + self.rng.f64() / 2.0)
    }

    /// Decides what to do after a connection ends.
    pub(super) fn next(&mut self, end: &End, now: Instant) -> Next {
        if self.welcomed.take().is_some_and(|since| now - since >= STEADY) || *end == End::Cut {
            self.proved(now);
        }
        let next = match end {
            End::Left => return Next::Leave,
            End::Cut => Next::Reconnect { after: Duration::ZERO, elsewhere: true },
            End::Closed { code, .. } if never(*code) => return Next::GiveUp(end.to_string()),
            End::Refused { status, .. } if (400..500).contains(status) && *status != 429 => {
                return Next::GiveUp(end.to_string());
            }
            End::Closed { code: 4100..=4199, retry_after: Some(after) } => {
                Next::Reconnect { after: *after, elsewhere: true }
            }
            End::Closed { .. } | End::Lost(_) | End::Refused { .. } => self.soon(),
        };
        self.failures += u32::from(*end != End::Cut);
        self.unless_patience_is_over(next, end, now)
    }

    /// Reconnects to the same node at once, then to the others with growing backoff.
    fn soon(&mut self) -> Next {
        match self.failures {
            0 => Next::Reconnect { after: Duration::ZERO, elsewhere: false },
            failures => Next::Reconnect { after: self.wait(failures - 1), elsewhere: true },
        }
    }

    fn unless_patience_is_over(&self, next: Next, end: &End, now: Instant) -> Next {
        match next {
            Next::Reconnect { after, .. } if now - self.away + after > PATIENCE => {
                Next::GiveUp(format!("{end} for {} s", PATIENCE.as_secs()))
            }
            next => next,
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::Cut => f.write_str("cut"),
            Self::Closed { code, .. } => write!(f, "closed with {code}{}", meaning(*code)),
            Self::Lost(how) => f.write_str(how),
            Self::Refused { status, reason } => write!(f, "refused with {status}: {reason}"),
        }
    }
}

/// 4000-4099 forbid reconnecting. 1009 would recur, because the bot would send the same message again.
fn never(code: u16) -> bool {
    matches!(code, 4000..=4099 | 1009)
}

/// The meaning of a close code, for the report.
fn meaning(code: u16) -> &'static str {
    match code {
        4001 => " (unauthorized)",
        4003 => " (forbidden)",
        4004 => " (the room was removed)",
        4100 => " (the server is draining)",
        4101 => " (the store cannot be reached)",
        4113 => " (full: see --max-connections, --max-rooms and --max-members of the server)",
        4129 => " (too fast: see --selects-per-second of the server)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: u16, retry_after: Option<u64>) -> End {
        End::Closed { code, retry_after: retry_after.map(Duration::from_millis) }
    }

    fn first(end: &End) -> Next {
        let now = Instant::now();
        Reconnect::new(Rng::with_seed(1), now).next(end, now)
    }

    #[test]
    fn the_range_of_a_close_code_says_what_to_do() {
        for code in [4000, 4001, 4004, 4099, 1009] {
            let Next::GiveUp(reason) = first(&closed(code, Some(5))) else { panic!("{code} says never") };
            assert!(reason.contains(&code.to_string()), "{reason}");
        }
        for code in [4100, 4129, 4199] {
            let after = Duration::from_millis(750);
            assert_eq!(first(&closed(code, Some(750))), Next::Reconnect { after, elsewhere: true });
        }
        let at_once = Next::Reconnect { after: Duration::ZERO, elsewhere: false };
        for end in [closed(4200, Some(0)), closed(4299, None), closed(1001, None), End::Lost("connection lost")]
        {
            assert_eq!(first(&end), at_once, "{end}");
        }
        assert_eq!(first(&End::Cut), Next::Reconnect { after: Duration::ZERO, elsewhere: true });
        assert_eq!(first(&End::Left), Next::Leave);
    }

    #[test]
    fn an_upgrade_that_is_refused_for_good_is_not_tried_again() {
        let refused = |status| End::Refused { status, reason: "why".into() };
        assert_eq!(first(&refused(403)), Next::GiveUp("refused with 403: why".into()));
        assert!(matches!(first(&refused(503)), Next::Reconnect { .. }));
        assert!(matches!(first(&refused(429)), Next::Reconnect { .. }));
    }

    #[test]
    fn failures_back_off_with_jitter_until_patience_is_over() {
        let mut now = Instant::now();
        let mut reconnect = Reconnect::new(Rng::with_seed(1), now);
        let (mut waits, begun) = (Vec::new(), now);
        while let Next::Reconnect { after, .. } = reconnect.next(&End::Lost("connection refused"), now) {
            waits.push(after);
            now += after + Duration::from_millis(1);
        }
        assert!(now - begun <= PATIENCE && now - begun > PATIENCE - BACKOFF.1);
        assert!(waits.iter().all(|wait| *wait <= BACKOFF.1));
        assert!(waits[1] >= BACKOFF.0 / 2 && waits[1] <= BACKOFF.0 && waits[4] > BACKOFF.0 * 3);
    }

    #[test]
    fn a_good_connection_renews_patience_and_a_welcome_alone_does_not() {
        let mut now = Instant::now();
        let lost = End::Lost("connection lost");
        let mut reconnect = Reconnect::new(Rng::with_seed(1), now);
        for _ in 0..20 {
            now += PATIENCE - Duration::from_secs(1);
            reconnect.proved(now);
            assert!(matches!(reconnect.next(&lost, now), Next::Reconnect { .. }));
        }
        now += PATIENCE - Duration::from_secs(1);
        reconnect.welcomed(now);
        assert!(matches!(reconnect.next(&lost, now + Duration::from_secs(2)), Next::GiveUp(_)));
    }
}
