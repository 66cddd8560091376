//! Clocks that differ from each other.

use std::time::Duration;

use asset_arbiter::model::Millis;

/// When the true clock starts.
const START: Millis = 1_795_000_000_000;
const HOUR: i64 = 3_600_000;

/// How a client's clock differs from the true one, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    ahead: i64,
    /// When it jumps back by an hour.
    jumps_back_after: Duration,
}

impl Clock {
    /// That of a client: right, ahead, behind, or right for a while.
    pub fn of(client: usize) -> Self {
        let ahead = [0, 500, -2000, 0][client % 4];
        let jumps_back_after = if client % 4 == 3 { Duration::from_millis(100) } else { Duration::MAX };
        Self { ahead, jumps_back_after }
    }

    /// What it shows after so long.
    pub fn now(self, elapsed: Duration) -> Millis {
        let jump = if elapsed >= self.jumps_back_after { -HOUR } else { 0 };
        (START + elapsed.as_millis() as Millis).saturating_add_signed(self.ahead + jump)
    }
}
