use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::limits::{BACKOFF, PATIENCE, STEADY};

/// How a connection ended, or why it failed to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The run is over.
    Left,
    /// The bot left the room until the next round.
    Away,
    /// The bot cut the connection.
    Cut,
    /// The server closed the connection and said when to reconnect.
    Closed { code: u16, retry_after: Option<Duration> },
    /// The connection broke: end of stream, reset or silence. A browser reports 1006.
    Lost(&'static str),
    /// There is no player token to show.
    NoToken(String),
    /// The server refused the handshake.
    Refused { status: u16, reason: String },
}

/// What to do after a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Leave,
    /// Reconnect in the next round.
    AwaitRound,
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
        let (after, elsewhere) = match *end {
            End::Left => return Next::Leave,
            End::Away => return Next::AwaitRound,
            End::Cut => (Duration::ZERO, true),
            // 4000-4099 forbid reconnecting. 1009 would recur, because the bot would send the same message again.
            End::Closed { code: 4000..=4099 | 1009, .. } => return Next::GiveUp(end.to_string()),
            End::NoToken(_) | End::Refused { status: 400..=428 | 430..=499, .. } => {
                return Next::GiveUp(end.to_string());
            }
            End::Closed { code: 4100..=4199, retry_after: Some(after) } => (after, true),
            // The same node at once, then the others with growing backoff.
            End::Closed { .. } | End::Lost(_) | End::Refused { .. } => match self.failures {
                0 => (Duration::ZERO, false),
                failures => (self.wait(failures - 1), true),
            },
        };
        self.failures += u32::from(*end != End::Cut);
        if now - self.away + after > PATIENCE {
            return Next::GiveUp(format!("{end} for {} s", PATIENCE.as_secs()));
        }
        Next::Reconnect { after, elsewhere }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Left => f.write_str("left"),
            Self::Away => f.write_str("away"),
            Self::Cut => f.write_str("cut"),
            Self::Closed { code, .. } => write!(f, "closed with {code}{}", meaning(*code)),
            Self::Lost(how) => f.write_str(how),
            Self::NoToken(why) => write!(f, "no player token: {why}"),
            Self::Refused { status, reason } => write!(f, "refused with {status}: {reason}"),
        }
    }
}

/// The meaning of a close code, for the report.
fn meaning(code: u16) -> &'static str {
    match code {
        4001 => {
            " (unauthorized: this server verifies player tokens; sign them with --token-key, by the id and the \
                key that the server knows)"
        }
        4003 => " (forbidden)",
        4004 => " (the room was removed)",
        4100 => " (the server is draining)",
        4101 => " (the store cannot be reached)",
        4102 => " (the player token has expired: compare the clocks, or raise --token-ttl)",
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
    fn the_range_of_a_close_code_or_status_says_what_to_do() {
        let refused = |status| End::Refused { status, reason: "why".into() };
        let reconnect = |ms, elsewhere| Next::Reconnect { after: Duration::from_millis(ms), elsewhere };
        let never = |reason: &str| Next::GiveUp(reason.to_owned());
        for (end, next) in [
            (closed(4000, Some(5)), never("closed with 4000")),
            (closed(4003, Some(5)), never("closed with 4003 (forbidden)")),
            (closed(4004, Some(5)), never("closed with 4004 (the room was removed)")),
            (closed(4099, Some(5)), never("closed with 4099")),
            (closed(1009, Some(5)), never("closed with 1009")),
            (refused(403), never("refused with 403: why")),
            (End::NoToken("why".into()), never("no player token: why")),
            (closed(4100, Some(750)), reconnect(750, true)),
            (closed(4129, Some(750)), reconnect(750, true)),
            (closed(4199, Some(750)), reconnect(750, true)),
            (closed(4200, Some(0)), reconnect(0, false)),
            (closed(4299, None), reconnect(0, false)),
            (closed(1001, None), reconnect(0, false)),
            (refused(429), reconnect(0, false)),
            (refused(503), reconnect(0, false)),
            (End::Lost("connection lost"), reconnect(0, false)),
            (End::Cut, reconnect(0, true)),
            (End::Left, Next::Leave),
            (End::Away, Next::AwaitRound),
        ] {
            assert_eq!(first(&end), next, "{end}");
        }
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
