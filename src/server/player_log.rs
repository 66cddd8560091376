use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;

use tokio::time::Instant;

use super::{error::HttpError, meters::End, rate_limit::RateLimit};
use crate::{
    arbiter::Member,
    model::{PlayerName, RoomName},
};

/// The lines of one kind per second, and in a burst.
const LINES: u32 = 20;
/// The interval at which suppressed lines are summed up.
const SUMMARY_EVERY: Duration = Duration::from_secs(1);

/// Logs joins, leaves and refusals at `info`. A flood is reduced to one summary a second for each kind.
#[derive(Debug, Default)]
pub(super) struct PlayerLog {
    joined: Mutex<Lines>,
    left: Mutex<Lines>,
    refused: Mutex<Lines>,
}

/// The lines of one kind. Suppressed lines are counted by code.
#[derive(Debug)]
struct Lines {
    limit: RateLimit,
    held_back: BTreeMap<u16, u64>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { limit: RateLimit::new(LINES), held_back: BTreeMap::new() }
    }
}

impl PlayerLog {
    pub(super) fn joined(&self, member: &Member) {
        if self.joined.lock().allows(0) {
            tracing::info!(player = name(member.player()), room = %member.room_name(), "joined");
        }
    }

    /// Logs a leave with its close code, 1006 if there was none.
    pub(super) fn left(&self, member: &Member, end: End, stayed: Duration) {
        let (code, why) = match end {
            End::Closed(code) => (code, "closed by the server"),
            End::ByClient(_) => (1000, "closed by the client"),
            End::Broken => (1006, "the connection broke"),
        };
        if self.left.lock().allows(code) {
            let (player, seconds) = (name(member.player()), stayed.as_secs());
            tracing::info!(player, room = %member.room_name(), code, why, seconds, "left");
        }
    }

    /// Logs a client that got the close `code` instead of a welcome.
    pub(super) fn refused(&self, player: Option<&PlayerName>, room: &RoomName, code: u16, why: &str) {
        if self.refused.lock().allows(code) {
            tracing::info!(player = name(player), %room, code, why, "refused");
        }
    }

    /// Logs a handshake refused with an HTTP status.
    pub(super) fn refused_handshake(&self, error: &HttpError) {
        let (status, why) = error.status_and_reason();
        if self.refused.lock().allows(status) {
            tracing::info!(status, why, "refused");
        }
    }

    /// Logs summaries of the suppressed lines. Runs until dropped.
    pub(super) async fn sum_up(&self) {
        let mut ticks = tokio::time::interval(SUMMARY_EVERY);
        loop {
            ticks.tick().await;
            for (what, lines) in [("joined", &self.joined), ("left", &self.left), ("refused", &self.refused)] {
                let held_back = std::mem::take(&mut lines.lock().held_back);
                if !held_back.is_empty() {
                    let (players, codes) = (held_back.values().sum::<u64>(), listed(&held_back));
                    tracing::info!(players, codes, "more {what} than are logged one by one");
                }
            }
        }
    }
}

impl Lines {
    /// Returns true if the line may be logged; otherwise counts it under `code`.
    fn allows(&mut self, code: u16) -> bool {
        let allowed = self.limit.allows(Instant::now());
        if !allowed {
            *self.held_back.entry(code).or_default() += 1;
        }
        allowed
    }
}

fn name(player: Option<&PlayerName>) -> &str {
    player.map_or("(observer)", PlayerName::as_str)
}

fn listed(held_back: &BTreeMap<u16, u64>) -> String {
    let codes = held_back.iter().filter(|(code, _)| **code != 0);
    codes.map(|(code, times)| format!("{code} x {times}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_told_in_bounded_lines_and_counted() {
        let mut lines = Lines::default();
        let mut told = (0..10_000).filter(|_| lines.allows(4113)).count();
        tokio::time::advance(Duration::from_secs(1)).await;
        told += (0..10_000).filter(|n| lines.allows(4100 + n % 2)).count();
        assert_eq!(told, 2 * LINES as usize);
        assert_eq!(lines.held_back.values().sum::<u64>(), 20_000 - told as u64);
        assert_eq!(listed(&lines.held_back), "4100 x 4990, 4101 x 4990, 4113 x 9980");
    }
}
